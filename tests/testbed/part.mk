# SPDX-License-Identifier: Apache-2.0
# The test guest: what it needs from outside (setup), its initramfs, and a shell in it.
#
# Guest programs of other parts: whatever lies in $(O)/bin, $(O)/lib (shared libraries) and
# $(O)/tests/guest goes into the image; a part that builds guest tests adds them as prerequisites:
#   initramfs: $(O)/tests/guest/my-test
#
# KERNEL=debug|6.1|backports makes the image of that kernel (initramfs-KERNEL.cpio); "initramfs-all" makes
# those of all kernels that "prepare" has made.

TESTBED := tests/testbed
export NEURON_CACHE

GUEST_AGENT := $(O)/tests/guest-agent
INITRAMFS := $(O)/tests/initramfs$(KERNEL_SUFFIX).cpio
DEVICES ?= 1

TEST_TOOLS += $(GUEST_AGENT) initramfs

.PHONY: setup setup-demo vm initramfs initramfs-all check-testbed
setup:
	$(Q)$(TESTBED)/prepare

# No debug kernel, which takes minutes, and no other kernels.
setup-demo:
	$(Q)$(TESTBED)/prepare packages qemu kernel linux-source models networks

# Plain and static whatever the build's flags are: it is process 1 of the guest.
$(GUEST_AGENT): $(TESTBED)/guest-agent.c
	$(say) CC $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 -D_GNU_SOURCE $(WARN) -static -o $@ $<

# mkinitramfs itself sees whether anything changed; what exists is known only after "all". What serves
# the chip from outside stays on the host.
initramfs: all $(GUEST_AGENT) $(if $(KERNEL_SUFFIX),driver)
	$(say) INITRD $(INITRAMFS)
	$(Q)set --; \
	for f in $(O)/bin/*; do \
		case $$f in */neuron-emu|*/mkimage) ;; *) [ ! -f "$$f" ] || set -- "$$@" "$$f:/usr/bin/" ;; esac; \
	done; \
	for f in $(O)/lib/*.so*; do [ ! -e "$$f" ] || set -- "$$@" "$$f:/usr/lib/"; done; \
	for f in $(O)/tests/guest/*; do [ ! -e "$$f" ] || set -- "$$@" "$$f:/usr/lib/neuron/tests/$${f##*/}"; done; \
	for f in $(O)/firmware/*.bin; do [ ! -e "$$f" ] || set -- "$$@" "$$f:/usr/lib/firmware/neuron/"; done; \
	for f in $(O)/driver$(KERNEL_SUFFIX)/neuron*.ko $(O)/kmod$(KERNEL_SUFFIX)/*.ko; do \
		[ ! -e "$$f" ] || set -- "$$@" --module "$$f"; \
	done; \
	$(TESTBED)/mkinitramfs -o $(INITRAMFS) --agent $(GUEST_AGENT) \
		--kernel $(NEURON_CACHE)/kernel$(KERNEL_SUFFIX) "$$@"

# One after the other: each asks "all" first.
initramfs-all: initramfs
	$(Q)for k in $(KERNELS); do \
		[ ! -e $(NEURON_CACHE)/kernel-$$k/release ] || \
		$(MAKE) --no-print-directory initramfs KERNEL=$$k || exit 1; \
	done

vm: initramfs
	$(Q)O='$(abspath $(O))' $(TESTBED)/vm.py shell --devices $(DEVICES) $(if $(KERNEL),--kernel $(KERNEL))

check-testbed: $(GUEST_AGENT)
	$(Q)O='$(abspath $(O))' $(TESTBED)/test_vm.py
