# SPDX-License-Identifier: Apache-2.0
# Programs that attack the driver and the chip from user space, in the guest; run_attack.py boots it.

ATTACKS := $(patsubst tests/attack/%.c,$(O)/tests/guest/%,$(wildcard tests/attack/attack_*.c))

$(ATTACKS): $(O)/tests/guest/%: tests/attack/%.c $(wildcard tests/attack/*.h tests/kselftest/*.h) $(wildcard uapi/*/*.h uapi/neuron/isa.def)
	$(say) CC $@
	$(Q)if [ ! -e $(KSELFTEST_DIR)/kselftest_harness.h ]; then \
		echo "no kselftest_harness.h in $(KSELFTEST_DIR): run 'make setup'" >&2; exit 1; fi
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) -Wno-missing-prototypes -Wno-unused-parameter -isystem $(KSELFTEST_DIR) -Iuapi -pthread \
		-static -o $@ $<

ifneq ($(wildcard $(KSELFTEST_DIR)/kselftest_harness.h),)
TEST_TOOLS += $(ATTACKS)
initramfs: $(ATTACKS)
endif

.PHONY: attacks
attacks: $(ATTACKS)
