# SPDX-License-Identifier: Apache-2.0
# Unit tests of the chip and of its vfio-user front-end.

T_EMU := emu_watch emu_guard emu_fault emu_pci emu_bus emu_udma emu_ext emu_reset emu_link emu_notify
T_EMU_FLAGS := -Iemulator -Itests/unit
T_EMU_LINK := $(O)/lib/libneuronemu.a $(EMU_LIBS) -lcmocka

$(foreach t,$(T_EMU),$(eval $(call test-program,unit/$(t),tests/unit/$(t).c tests/unit/emu_harness.c,$(T_EMU_FLAGS),$(T_EMU_LINK),$(O)/lib/libneuronemu.a)))
$(eval $(call test-program,unit/emu_vfu,tests/unit/emu_vfu.c $(filter emulator/vfu_% emulator/link_%,$(EMU_FRONT_SRCS)),$(T_EMU_FLAGS),$(T_EMU_LINK),$(O)/lib/libneuronemu.a))
$(eval $(call test-program,unit/emu_link_socket,tests/unit/emu_link_socket.c $(filter emulator/vfu_% emulator/link_%,$(EMU_FRONT_SRCS)),$(T_EMU_FLAGS),$(T_EMU_LINK),$(O)/lib/libneuronemu.a))

UNIT_TESTS += $(addprefix $(O)/tests/unit/,$(T_EMU) emu_vfu emu_link_socket)
