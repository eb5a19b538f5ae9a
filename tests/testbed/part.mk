# SPDX-License-Identifier: Apache-2.0
# The test guest: what it needs from outside (setup), its initramfs, and a shell in it.
#
# Guest programs of other parts: whatever lies in $(O)/bin, $(O)/lib (shared libraries) and
# $(O)/tests/guest goes into the image; a part that builds guest tests adds them as prerequisites:
#   initramfs: $(O)/tests/guest/my-test

TESTBED := tests/testbed
export NEURON_CACHE

KDIR ?= $(NEURON_CACHE)/kernel/build
GUEST_AGENT := $(O)/tests/guest-agent
INITRAMFS := $(O)/tests/initramfs.cpio
DEVICES ?= 1

TEST_TOOLS += $(GUEST_AGENT) initramfs

.PHONY: setup vm initramfs check-testbed
setup:
	$(Q)$(TESTBED)/prepare

# Plain and static whatever the build's flags are: it is process 1 of the guest.
$(GUEST_AGENT): $(TESTBED)/guest-agent.c
	$(say) CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -D_GNU_SOURCE $(WARN) -static -o $@ $<

# mkinitramfs itself sees whether anything changed; what exists is known only after "all". What serves
# the chip from outside stays on the host.
initramfs: all $(GUEST_AGENT)
	$(say) INITRD $(INITRAMFS)
	$(Q)set --; \
	for f in $(O)/bin/*; do \
		case $$f in */neuron-emu|*/mkimage) ;; *) [ ! -f "$$f" ] || set -- "$$@" "$$f:/usr/bin/" ;; esac; \
	done; \
	for f in $(O)/lib/*.so*; do [ ! -e "$$f" ] || set -- "$$@" "$$f:/usr/lib/"; done; \
	for f in $(O)/tests/guest/*; do [ ! -e "$$f" ] || set -- "$$@" "$$f:/usr/lib/neuron/tests/$${f##*/}"; done; \
	for f in $(O)/firmware/*.bin; do [ ! -e "$$f" ] || set -- "$$@" "$$f:/usr/lib/firmware/neuron/"; done; \
	for f in $(O)/driver/neuron.ko $(O)/neuron.ko driver/neuron.ko; do \
		if [ -e "$$f" ]; then set -- "$$@" --module "$$f"; break; fi; \
	done; \
	$(TESTBED)/mkinitramfs -o $(INITRAMFS) --agent $(GUEST_AGENT) "$$@"

vm: initramfs
	$(Q)O='$(abspath $(O))' $(TESTBED)/vm.py shell --devices $(DEVICES)

check-testbed: $(GUEST_AGENT)
	$(Q)O='$(abspath $(O))' $(TESTBED)/test_vm.py
