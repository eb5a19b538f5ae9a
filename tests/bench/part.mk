# SPDX-License-Identifier: Apache-2.0
# The part of "make bench" that runs in the guest.

$(eval $(call test-program,guest-bench,$(wildcard tests/bench/guest_*.c)))
BENCH_TOOLS += $(O)/tests/guest-bench

# What the NeuronCore's kernels reach on this host: $(O)/tests/core-bench
$(eval $(call test-program,core-bench,tests/bench/core_bench.c,-Iemulator,$(O)/lib/libneuronemu.a $(EMU_LIBS) -lm,$(O)/lib/libneuronemu.a))
BENCH_TOOLS += $(O)/tests/core-bench
