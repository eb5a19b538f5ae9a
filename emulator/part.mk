# SPDX-License-Identifier: Apache-2.0
# libneuronemu (the chip) and neuron-emu (its vfio-user front-end, and links between chips).

EMU_FRONT_SRCS := $(wildcard emulator/vfu_*.c emulator/link_*.c) $(addprefix emulator/,control.c log.c trace.c)
EMU_LIB_SRCS := $(filter-out $(EMU_FRONT_SRCS) emulator/neuron_emu.c,$(sort $(wildcard emulator/*.c)))
EMU_CFLAGS := -Iemulator
# What a program that links libneuronemu.a needs besides.
EMU_LIBS := -lcrypto -lm

$(eval $(call static-lib,libneuronemu,$(EMU_LIB_SRCS),$(EMU_CFLAGS)))
$(eval $(call shared-lib,libneuronemu.so.0,$(EMU_LIB_SRCS),$(EMU_CFLAGS),$(EMU_LIBS)))
$(eval $(call program,neuron-emu,emulator/neuron_emu.c $(EMU_FRONT_SRCS),$(EMU_CFLAGS),$(O)/lib/libneuronemu.a $(EMU_LIBS),$(O)/lib/libneuronemu.a))

$(O)/lib/libneuronemu.so: $(O)/lib/libneuronemu.so.0
	$(Q)ln -sf $(notdir $<) $@

TOOLS += neuron-emu
ALL += $(O)/lib/libneuronemu.a $(O)/lib/libneuronemu.so $(O)/bin/neuron-emu
