# SPDX-License-Identifier: Apache-2.0
# Unit tests of the NeuronCore (emulator/nc_*.c) and of the instruction text.

T_NC := nc_batch nc_cache nc_team nc_numerics nc_selftest nc_insn nc_faults nc_job nc_trace nc_isa_text
T_NC_SRCS := $(addprefix tests/unit/,nc_harness.c nc_model.c nc_gen.c) userspace/lib/isa_text.c
T_NC_FLAGS := -Iemulator -Itests/unit -Iuserspace/lib
T_NC_LINK := $(O)/lib/libneuronemu.a $(EMU_LIBS) -lcmocka -lm

$(foreach t,$(T_NC),$(eval $(call test-program,unit/$(t),tests/unit/$(t).c $(T_NC_SRCS),$(T_NC_FLAGS),$(T_NC_LINK),$(O)/lib/libneuronemu.a)))

UNIT_TESTS += $(addprefix $(O)/tests/unit/,$(T_NC))
