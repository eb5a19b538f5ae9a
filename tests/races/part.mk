# SPDX-License-Identifier: Apache-2.0
# Races: what runs in the guest; run_races.py boots it.

RACES := $(addprefix $(O)/tests/guest/race-,load cycles victim)

# Static: the guest's image need not hold its libraries.
$(RACES): $(O)/tests/guest/race-%: tests/races/%.c tests/races/races.h tests/kselftest/util.h $(wildcard uapi/*/*.h)
	$(say) CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -Wno-unused-parameter -isystem $(KSELFTEST_DIR) \
		-Iuapi -pthread -static -o $@ $<

ifneq ($(wildcard $(KSELFTEST_DIR)/kselftest_harness.h),)
TEST_TOOLS += $(RACES)
initramfs: $(RACES)
endif
