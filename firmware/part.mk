# SPDX-License-Identifier: Apache-2.0
# Management firmware: $(O)/firmware/inferentia.bin, for the emulator's flash and for the
# driver's request_firmware().

FW_SRCS := $(addprefix firmware/,main.c mailbox.c fwio.c crc32c.c reset.c queue.c job.c \
	sched.c status.c thermal.c timer.c log.c)
# not part of the unit tests: these need the management core
FW_TARGET_SRCS := firmware/crash.c firmware/string.c
FW_IMAGE := $(O)/firmware/inferentia.bin

FW_LOAD := 0x80002000
fw-version-part = $(word $(1),$(subst ., ,$(VERSION)))
FW_DEFINES := -DFW_VERSION='($(call fw-version-part,1)u << 16 | $(call fw-version-part,2)u << 8 | $(call fw-version-part,3)u)'

RISCV_CC := $(RISCV_PREFIX)gcc
RISCV_OBJCOPY := $(RISCV_PREFIX)objcopy
RISCV_FLAGS := -march=rv32imc_zicsr_zifencei -mabi=ilp32 -ffreestanding -nostdlib -static \
	-Iuapi -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes
FW_CFLAGS := $(RISCV_FLAGS) -std=gnu11 -O2 -g -fno-common -ffunction-sections -fdata-sections \
	-fno-tree-loop-distribute-patterns $(FW_DEFINES)

FW_OBJS := $(patsubst %.c,$(O)/obj/firmware/%.o,$(FW_SRCS) $(FW_TARGET_SRCS)) $(O)/obj/firmware/firmware/start.o
DEPS += $(FW_OBJS:.o=.d)

$(O)/obj/firmware/%.o: %.c
	$(say) RV-CC $<
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CCACHE) $(RISCV_CC) $(FW_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/obj/firmware/%.o: %.S
	$(say) RV-AS $<
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CCACHE) $(RISCV_CC) $(FW_CFLAGS) -MMD -MP -c -o $@ $<

# $(1): objects
fw-link = mkdir -p $(dir $@) && $(RISCV_CC) $(FW_CFLAGS) -Wl,--gc-sections,--fatal-warnings,-z,noexecstack \
	-Wl,--no-warn-rwx-segments -T firmware/link.ld -o $@ $(1)

$(O)/firmware/inferentia.elf: $(FW_OBJS) firmware/link.ld
	$(say) RV-LD $@
	$(Q)$(call fw-link,$(FW_OBJS))

$(O)/firmware/inferentia.payload: $(O)/firmware/inferentia.elf
	$(say) OBJCOPY $@
	$(Q)$(RISCV_OBJCOPY) -O binary $< $@

$(eval $(call program,mkimage,firmware/mkimage.c,,-lcrypto))

$(FW_IMAGE): $(O)/firmware/inferentia.payload $(O)/bin/mkimage
	$(say) FW $@
	$(Q)$(O)/bin/mkimage $(VERSION) $(FW_LOAD) $< $@

.PHONY: firmware
firmware: $(FW_IMAGE)
ALL += $(FW_IMAGE)
