# SPDX-License-Identifier: Apache-2.0
# The part of "make bench" that runs in the guest.

$(eval $(call test-program,guest-bench,$(wildcard tests/bench/guest_*.c)))
BENCH_TOOLS += $(O)/tests/guest-bench
