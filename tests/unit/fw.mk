# SPDX-License-Identifier: Apache-2.0
# Unit tests of the management core: interpreter, peripherals, firmware.

T_FW := $(O)/tests/unit
RV32_TEST_FLAGS := $(RISCV_FLAGS) -std=gnu11 -fno-tree-loop-distribute-patterns -T tests/unit/rv32_code.ld -Wl,--no-warn-rwx-segments

$(eval $(call test-program,unit/rv32_insn,tests/unit/rv32_insn.c emulator/rv32.c,-Iemulator,-lcmocka,$(T_FW)/rv32_insn.bin))
$(T_FW)/rv32_insn.bin: tests/unit/rv32_code.c tests/unit/rv32_cases.def tests/unit/rv32_code.ld
	$(say) RV-CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(RISCV_CC) $(RV32_TEST_FLAGS) -O2 -mno-relax -o $(@:.bin=.elf) $<
	$(Q)$(RISCV_OBJCOPY) -O binary $(@:.bin=.elf) $@

RV32_DIFF_BINS := $(addprefix $(T_FW)/rv32_diff.,O0.bin Os.bin O2.bin O3.bin norvc.bin)
rv32-level = $(if $(filter norvc,$(1)),-O2 -march=rv32im_zicsr_zifencei,-$(1))
$(eval $(call test-program,unit/rv32_diff,tests/unit/rv32_diff.c tests/unit/rv32_workload.c emulator/rv32.c,-Iemulator,-lcmocka,$(RV32_DIFF_BINS)))
$(T_FW)/rv32_diff.%.bin: tests/unit/rv32_workload.c tests/unit/rv32_start.S firmware/string.c tests/unit/rv32_code.ld
	$(say) RV-CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(RISCV_CC) $(RV32_TEST_FLAGS) $(call rv32-level,$*) -o $(@:.bin=.elf) \
		tests/unit/rv32_start.S tests/unit/rv32_workload.c firmware/string.c
	$(Q)$(RISCV_OBJCOPY) -O binary $(@:.bin=.elf) $@

UNIT_TESTS += $(T_FW)/rv32_insn $(T_FW)/rv32_diff

# Firmware on the host: the same sources against a mock chip.
FW_TEST_SRCS := $(FW_SRCS) tests/unit/fw_mock.c
FW_TEST_CFLAGS := -DFW_MOCK $(FW_DEFINES) -iquote firmware -Itests/unit
FW_TESTS := fw_fwio fw_reset fw_queue fw_sched fw_cancel
$(foreach t,$(FW_TESTS),$(eval $(call test-program,unit/$(t),tests/unit/$(t).c $(FW_TEST_SRCS),$(FW_TEST_CFLAGS),-lcmocka)))
UNIT_TESTS += $(addprefix $(T_FW)/,$(FW_TESTS))

# The management core as the emulator has it, without the rest of the chip.
MGMT_TEST_SRCS := emulator/mgmt.c emulator/fw_image.c emulator/rv32.c tests/unit/mgmt_fake.c
MGMT_TEST_CFLAGS := -Iemulator -iquote firmware -Itests/unit
$(eval $(call test-program,unit/mgmt_core,tests/unit/mgmt_core.c $(MGMT_TEST_SRCS),$(MGMT_TEST_CFLAGS),-lcmocka -lcrypto))
$(eval $(call test-program,unit/mgmt_firmware,tests/unit/mgmt_firmware.c $(MGMT_TEST_SRCS),$(MGMT_TEST_CFLAGS),-lcmocka -lcrypto,$(FW_IMAGE)))
UNIT_TESTS += $(T_FW)/mgmt_core $(T_FW)/mgmt_firmware

# Flash image and chip together.
$(eval $(call test-program,unit/mgmt_chip,tests/unit/mgmt_chip.c tests/unit/mgmt_fake.c,$(MGMT_TEST_CFLAGS),$(O)/lib/libneuronemu.a $(EMU_LIBS) -lcmocka,$(O)/lib/libneuronemu.a $(FW_IMAGE)))
$(eval $(call test-program,unit/emu_wipes,tests/unit/emu_wipes.c,$(MGMT_TEST_CFLAGS),$(O)/lib/libneuronemu.a $(EMU_LIBS) -lcmocka,$(O)/lib/libneuronemu.a $(FW_IMAGE)))
$(eval $(call test-program,unit/emu_fault_fw,tests/unit/emu_fault_fw.c tests/unit/emu_harness.c tests/unit/mgmt_fake.c,$(MGMT_TEST_CFLAGS),$(O)/lib/libneuronemu.a $(EMU_LIBS) -lcmocka,$(O)/lib/libneuronemu.a $(FW_IMAGE)))
UNIT_TESTS += $(T_FW)/mgmt_chip $(T_FW)/emu_wipes $(T_FW)/emu_fault_fw
