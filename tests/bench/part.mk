# SPDX-License-Identifier: Apache-2.0
# The part of "make bench" that runs in the guest.

$(eval $(call test-program,guest-bench,tests/bench/guest-bench.c))
BENCH_TOOLS += $(O)/tests/guest-bench
