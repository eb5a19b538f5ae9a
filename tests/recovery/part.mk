# SPDX-License-Identifier: Apache-2.0
# What runs in the guest of the recovery's tests; run_recovery.py boots it.

RECOVERY_CLIENT := $(O)/tests/guest/recovery-client
RECOVERY_KEXEC := $(O)/tests/guest/recovery-kexec

# Static: the guest's image need not hold its libraries.
$(RECOVERY_CLIENT): tests/recovery/client.c $(wildcard tests/kselftest/*.h) $(wildcard uapi/*/*.h)
	$(say) CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -Wno-unused-parameter -isystem $(KSELFTEST_DIR) \
		-Iuapi -pthread -static -o $@ $<

$(RECOVERY_KEXEC): tests/recovery/kexec.c
	$(say) CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -static -o $@ $<

ifneq ($(wildcard $(KSELFTEST_DIR)/kselftest_harness.h),)
TEST_TOOLS += $(RECOVERY_CLIENT) $(RECOVERY_KEXEC)
initramfs: $(RECOVERY_CLIENT) $(RECOVERY_KEXEC)
endif
