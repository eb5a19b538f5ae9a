# SPDX-License-Identifier: Apache-2.0
# Unit tests of the compiler.

T_NCC := ncc_wire ncc_read ncc_shape ncc_fold ncc_backend ncc_neff
T_NCC_LIBS := $(O)/lib/libncc.a $(NCC_LIBS) -lcmocka

$(foreach t,$(T_NCC),$(eval $(call test-program,unit/$(t),tests/unit/$(t).c tests/unit/ncc_harness.c,$(NCC_CFLAGS) -Itests/unit,$(T_NCC_LIBS),$(O)/lib/libncc.a)))

UNIT_TESTS += $(addprefix $(O)/tests/unit/,$(T_NCC))
