# SPDX-License-Identifier: Apache-2.0
# The fault matrix's client, which runs in the guest; run_matrix.py boots it.

FAULT_CLIENT := $(O)/tests/guest/fault-client

# Static: the guest's image need not hold its libraries.
$(FAULT_CLIENT): tests/faults/client.c $(wildcard tests/kselftest/*.h) $(wildcard uapi/*/*.h)
	$(say) CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -Wno-unused-parameter -isystem $(KSELFTEST_DIR) \
		-Iuapi -pthread -static -o $@ $<

ifneq ($(wildcard $(KSELFTEST_DIR)/kselftest_harness.h),)
TEST_TOOLS += $(FAULT_CLIENT)
initramfs: $(FAULT_CLIENT)
endif
