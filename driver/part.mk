# SPDX-License-Identifier: Apache-2.0
# neuron.ko, built out of tree for the kernel in KDIR, in a tree of links so that the sources stay clean.
#
#   make build/driver/neuron.ko [KDIR=/lib/modules/$(uname -r)/build] [C=1]
#   make checkpatch             with the kernel's own scripts/checkpatch.pl, see CHECKPATCH

KDIR ?= $(NEURON_CACHE)/kernel/build
DRIVER_SOURCES := $(wildcard driver/*.c driver/*.h) driver/Kbuild
DRIVER_LINKS := $(patsubst driver/%,$(O)/driver/%,$(DRIVER_SOURCES))
CHECKPATCH ?= $(firstword $(wildcard $(NEURON_CACHE)/linux-source/scripts/checkpatch.pl \
	/usr/src/linux-source-*/scripts/checkpatch.pl /usr/src/linux-headers-*-common/scripts/checkpatch.pl))

# Named after KDIR, so that another kernel's module is built anew.
DRIVER_KDIR := $(O)/driver/.kdir-$(subst /,_,$(KDIR))

$(DRIVER_KDIR):
	$(Q)mkdir -p $(dir $@) && rm -f $(O)/driver/.kdir-* && touch $@

$(DRIVER_LINKS): $(O)/driver/%: | driver/%
	$(Q)mkdir -p $(dir $@) && ln -sf $(abspath driver/$*) $@

# O= because kbuild would take ours from the command line for its own. kbuild knows best what is out of date; it is asked when a source or a contract is newer than the module.
$(O)/driver/neuron.ko: $(DRIVER_KDIR) $(DRIVER_LINKS) $(DRIVER_SOURCES) $(wildcard uapi/*/*.h) $(wildcard $(KDIR)/.config)
	$(say) KBUILD $@
	$(Q)if [ ! -e $(KDIR)/Makefile ]; then \
		echo "no kernel headers in KDIR=$(KDIR): run 'make setup', or name a kernel's build directory with KDIR=" >&2; \
		exit 1; fi
	$(Q)+$(MAKE) --no-print-directory -s -C $(KDIR) M=$(abspath $(O)/driver) W=$(filter-out 0,$(W)) \
		C=$(filter-out 0,$(C)) CF=-Wsparse-error KCFLAGS=-Werror CC="$(CC)" \
		O= NEURON_UAPI=$(abspath uapi) NEURON_VERSION=$(VERSION) modules
	$(Q)touch $@

.PHONY: driver checkpatch
driver: $(O)/driver/neuron.ko
ifneq ($(wildcard $(KDIR)/Makefile),)
ALL += $(O)/driver/neuron.ko
endif

checkpatch:
	$(Q)if [ -z "$(CHECKPATCH)" ]; then \
		echo "no checkpatch.pl: install linux-source (unpacked) or set CHECKPATCH=FILE" >&2; exit 1; fi
	$(Q)perl $(CHECKPATCH) --no-tree --strict --terse --show-types --no-summary -f \
		--max-line-length=100 --ignore FILE_PATH_CHANGES \
		$(filter-out driver/neuron_compat.h,$(wildcard driver/*.c driver/*.h)) uapi/linux/neuron.h
	$(Q)perl $(CHECKPATCH) --no-tree --strict --terse --show-types --no-summary -f \
		--max-line-length=100 --ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON driver/neuron_compat.h
