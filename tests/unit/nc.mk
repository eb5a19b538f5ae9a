# SPDX-License-Identifier: Apache-2.0
# Unit tests of the NeuronCore (emulator/nc_*.c) and of the instruction text.

T_NC_SRCS := tests/unit/nc_harness.c $(wildcard emulator/nc_*.c)
T_NC_FLAGS := -Iemulator -Itests/unit

$(eval $(call test-program,unit/nc_numerics,tests/unit/nc_numerics.c tests/unit/nc_model.c $(T_NC_SRCS),$(T_NC_FLAGS),-lcmocka -lm))

UNIT_TESTS += $(addprefix $(O)/tests/unit/,nc_numerics)
