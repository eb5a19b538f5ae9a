# SPDX-License-Identifier: Apache-2.0
# Tests of the driver that run in the guest, with the kernel's own harness (from the kernel's
# source, put into the cache by setup), and the program that boots the guest for them.

KSELFTEST_DIR ?= $(NEURON_CACHE)/linux-source/tools/testing/selftests
KSELFTESTS := $(patsubst tests/kselftest/%.c,$(O)/tests/guest/%,$(wildcard tests/kselftest/test_*.c))

# Static: the guest's image need not hold their libraries.
$(KSELFTESTS): $(O)/tests/guest/%: tests/kselftest/%.c tests/kselftest/util.h $(wildcard uapi/*/*.h)
	$(say) CC $@
	$(Q)if [ ! -e $(KSELFTEST_DIR)/kselftest_harness.h ]; then \
		echo "no kselftest_harness.h in $(KSELFTEST_DIR): run 'make setup'" >&2; exit 1; fi
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -isystem $(KSELFTEST_DIR) -Iuapi -pthread \
		-static -o $@ $<

ifneq ($(wildcard $(KSELFTEST_DIR)/kselftest_harness.h),)
TEST_TOOLS += $(KSELFTESTS)
initramfs: $(KSELFTESTS)
endif

.PHONY: kselftest check-driver
kselftest: $(KSELFTESTS)
check-driver: kselftest initramfs
	$(Q)O='$(abspath $(O))' tests/kselftest/run_guest.py
