# SPDX-License-Identifier: Apache-2.0
# Unit tests of the compiler.

T_NCC := ncc_wire ncc_read ncc_shape ncc_fold ncc_backend ncc_neff ncc_partition
T_NCC_LIBS := $(O)/lib/libncc.a $(NCC_LIBS) -lcmocka

$(foreach t,$(T_NCC),$(eval $(call test-program,unit/$(t),tests/unit/$(t).c tests/unit/ncc_harness.c,$(NCC_CFLAGS) -Itests/unit,$(T_NCC_LIBS),$(O)/lib/libncc.a)))

UNIT_TESTS += $(addprefix $(O)/tests/unit/,$(T_NCC))

# The compiler with limits so small that every model takes the paths of large ones. The
# directory looks like a build's, for tests/ops and tests/conformance: --out $(O)/tests/tiny.
T_TINY := $(O)/tests/tiny
T_TINY_CFLAGS := -DNCC_WHOLE_LIMIT=256 -DNCC_TILE_LIMIT=512 -DNCC_PIECE_LIMIT=1024 -DNCC_KEEP_LIMIT=512 \
	-DNCC_NARROW_COUNT=64

$(eval $(call test-program,tiny/bin/neuron-cc,$(NCC_SRCS) compiler/main.c,$(NCC_CFLAGS) $(T_TINY_CFLAGS),$(NCC_LIBS)))

$(T_TINY)/lib $(T_TINY)/tests:
	$(Q)mkdir -p $(dir $@) && ln -sfn ../../$(notdir $@) $@

TEST_TOOLS += $(T_TINY)/bin/neuron-cc $(T_TINY)/lib $(T_TINY)/tests
