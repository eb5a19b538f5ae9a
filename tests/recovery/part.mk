# SPDX-License-Identifier: Apache-2.0
# The recovery ladder's clients, which run in the guest; run_recovery.py boots it.

RECOVERY_CLIENT := $(O)/tests/guest/recovery-client

# Static: the guest's image need not hold its libraries.
$(RECOVERY_CLIENT): tests/recovery/client.c $(wildcard tests/kselftest/*.h) $(wildcard uapi/*/*.h)
	$(say) CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -Wno-unused-parameter -isystem $(KSELFTEST_DIR) \
		-Iuapi -pthread -static -o $@ $<

ifneq ($(wildcard $(KSELFTEST_DIR)/kselftest_harness.h),)
TEST_TOOLS += $(RECOVERY_CLIENT)
initramfs: $(RECOVERY_CLIENT)
endif
