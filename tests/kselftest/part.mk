# SPDX-License-Identifier: Apache-2.0
# Tests of the driver that run in the guest, with the kernel's own harness (from the kernel's
# source, put into the cache by setup), and the program that boots the guest for them.

KSELFTESTS := $(patsubst tests/kselftest/%.c,$(O)/tests/guest/%,$(wildcard tests/kselftest/test_*.c))

# Static: the guest's image need not hold their libraries.
$(KSELFTESTS): $(O)/tests/guest/%: tests/kselftest/%.c $(wildcard tests/kselftest/*.h) $(wildcard uapi/*/*.h)
	$(say) CC $@
	$(Q)if [ ! -e $(KSELFTEST_DIR)/kselftest_harness.h ]; then \
		echo "no kselftest_harness.h in $(KSELFTEST_DIR): run 'make setup'" >&2; exit 1; fi
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -isystem $(KSELFTEST_DIR) -Iuapi -pthread \
		-static -o $@ $<

# The same for 32 bits: what crosses the line between user space and kernel must not depend on it.
CC32 ?= i686-linux-gnu-gcc
KSELFTESTS32 := $(if $(shell command -v $(CC32)),$(patsubst %,$(O)/tests/guest/test_%-32,abi errno mem queue))
$(KSELFTESTS32): $(O)/tests/guest/%-32: tests/kselftest/%.c $(wildcard tests/kselftest/*.h) $(wildcard uapi/*/*.h)
	$(say) CC32 $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC32) -std=gnu11 -O2 -g -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 $(WARN) -Wno-missing-prototypes \
		-isystem $(KSELFTEST_DIR) -Iuapi -pthread -static -o $@ $<

ifneq ($(wildcard $(KSELFTEST_DIR)/kselftest_harness.h),)
TEST_TOOLS += $(KSELFTESTS) $(KSELFTESTS32)
initramfs: $(KSELFTESTS) $(KSELFTESTS32)
endif

# A firmware that says API 1.0: what came later must not be asked of it.
OLD_FW_STATUS := $(O)/obj/firmware-1.0/firmware/status.o
DEPS += $(OLD_FW_STATUS:.o=.d)
$(OLD_FW_STATUS): firmware/status.c
	$(say) RV-CC $<
	$(Q)mkdir -p $(dir $@)
	$(Q)$(RISCV_CC) $(FW_CFLAGS) -DFW_API=0x10000u -MMD -MP -c -o $@ $<
$(O)/tests/firmware-1.0.elf: $(filter-out %/status.o,$(FW_OBJS)) $(OLD_FW_STATUS) firmware/link.ld
	$(say) RV-LD $@
	$(Q)$(call fw-link,$(filter-out %/status.o,$(FW_OBJS)) $(OLD_FW_STATUS))
$(O)/tests/firmware-1.0.bin: $(O)/tests/firmware-1.0.elf $(O)/bin/mkimage
	$(say) FW $@
	$(Q)$(RISCV_OBJCOPY) -O binary $< $(@:.bin=.payload)
	$(Q)$(O)/bin/mkimage $(VERSION) $(FW_LOAD) $(@:.bin=.payload) $@
TEST_TOOLS += $(O)/tests/firmware-1.0.bin

.PHONY: kselftest check-driver
kselftest: $(KSELFTESTS) $(KSELFTESTS32)
check-driver: kselftest initramfs $(O)/tests/firmware-1.0.bin
	$(Q)O='$(abspath $(O))' tests/kselftest/run_guest.py
