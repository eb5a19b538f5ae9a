# SPDX-License-Identifier: Apache-2.0
# neuron.ko, built out of tree in a tree of links so that the sources stay clean, once for each kernel:
#
#   make driver [KDIR=/lib/modules/$(uname -r)/build] [C=1]     $(O)/driver
#   make driver KERNEL=debug|6.1|backports                      $(O)/driver-KERNEL
#   make checkpatch             with the kernel's own scripts/checkpatch.pl, see CHECKPATCH
#
# KERNEL names a kernel that "tests/testbed/prepare" made; 6.12 or none is the one of KDIR.

KDIR ?= $(NEURON_CACHE)/kernel/build
KERNELS := debug 6.1 backports
KERNEL ?=
ifneq ($(filter-out $(KERNELS) 6.12,$(KERNEL)),)
$(error no kernel "$(KERNEL)": KERNEL= is one of 6.12 $(KERNELS))
endif
# "" or "-debug": what names the places of a kernel.
KERNEL_SUFFIX := $(addprefix -,$(filter-out 6.12,$(KERNEL)))

DRIVER_SOURCES := $(wildcard driver/*.c driver/*.h) driver/Kbuild
KUNIT_SOURCES := $(wildcard tests/kunit/*.c tests/kunit/*.h)
CHECKPATCH ?= $(firstword $(wildcard $(NEURON_CACHE)/linux-source/scripts/checkpatch.pl \
	/usr/src/linux-source-*/scripts/checkpatch.pl /usr/src/linux-headers-*-common/scripts/checkpatch.pl))

# $(call driver-build,SUFFIX,DIRECTORY OF A BUILT KERNEL)
#
# The stamp is named after the kernel, so that another kernel's module is built anew. MAKEFLAGS without
# the variables, because kbuild would take our O= for its own. kbuild knows best what is out of date; it is
# asked when a source or a contract is newer than the module. A kernel that needs another make than the
# host's has it beside its build directory, and none of the host's other tools.
define driver-build
$(O)/driver$(1)/.kdir-$(subst /,_,$(2)):
	$$(Q)mkdir -p $$(dir $$@) && rm -f $(O)/driver$(1)/.kdir-* && touch $$@

$(patsubst driver/%,$(O)/driver$(1)/%,$(DRIVER_SOURCES)): $(O)/driver$(1)/%: | driver/%
	$$(Q)mkdir -p $$(dir $$@) && ln -sf $$(abspath driver/$$*) $$@

$(patsubst tests/kunit/%,$(O)/driver$(1)/%,$(KUNIT_SOURCES)): $(O)/driver$(1)/%: | tests/kunit/%
	$$(Q)mkdir -p $$(dir $$@) && ln -sf $$(abspath tests/kunit/$$*) $$@

$(O)/driver$(1)/neuron.ko: $(O)/driver$(1)/.kdir-$(subst /,_,$(2)) $(DRIVER_SOURCES) $(KUNIT_SOURCES) \
		$(patsubst driver/%,$(O)/driver$(1)/%,$(DRIVER_SOURCES)) \
		$(patsubst tests/kunit/%,$(O)/driver$(1)/%,$(KUNIT_SOURCES)) \
		$(wildcard uapi/*/*.h) $(wildcard $(2)/.config)
	$$(say) KBUILD $$@
	$$(Q)if [ ! -e $(2)/Makefile ]; then \
		echo "no kernel headers in $(2): run 'make setup', or name a kernel's build directory with KDIR=" >&2; \
		exit 1; fi
	$$(Q)+MAKEFLAGS="$$$${MAKEFLAGS%% -- *}"; $$(or $$(wildcard $(dir $(2))make),$$(MAKE)) --no-print-directory -s -C $(2) M=$$(abspath $(O)/driver$(1)) \
		$$(addprefix W=,$$(filter-out 0,$$(W))) $$(addprefix C=,$$(filter-out 0,$$(C))) CF="-Wsparse-error $$(CF)" KCFLAGS=-Werror CC="$$(strip $$(if $$(wildcard $(dir $(2))make),,$$(CCACHE)) $$(CC))" \
		NEURON_UAPI=$$(abspath uapi) NEURON_VERSION=$$(VERSION) NEURON_KUNIT=1 modules
	$$(Q)touch $$@
endef
$(eval $(call driver-build,,$(KDIR)))
$(foreach k,$(KERNELS),$(eval $(call driver-build,-$(k),$(NEURON_CACHE)/kernel-$(k)/build)))

.PHONY: driver checkpatch
driver: $(O)/driver$(KERNEL_SUFFIX)/neuron.ko
ifneq ($(wildcard $(KDIR)/Makefile),)
ALL += $(O)/driver/neuron.ko
endif

checkpatch:
	$(Q)if [ -z "$(CHECKPATCH)" ]; then \
		echo "no checkpatch.pl: install linux-source (unpacked) or set CHECKPATCH=FILE" >&2; exit 1; fi
	$(Q)perl $(CHECKPATCH) --no-tree --strict --terse --show-types --no-summary -f \
		--max-line-length=100 --ignore FILE_PATH_CHANGES \
		$(filter-out driver/neuron_compat.h,$(wildcard driver/*.c driver/*.h)) $(wildcard uapi/*/*.h)
	$(Q)perl $(CHECKPATCH) --no-tree --strict --terse --show-types --no-summary -f \
		--max-line-length=100 --ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON driver/neuron_compat.h

# What a distribution's package of the driver holds, below DESTDIR.
.PHONY: install-dkms
DKMS_SOURCE = $(DESTDIR)/usr/src/neuron-$(VERSION)
install-dkms: $(wildcard $(O)/firmware/inferentia.bin)
	$(Q)install -d $(DKMS_SOURCE)/driver $(DKMS_SOURCE)/uapi/linux $(DKMS_SOURCE)/uapi/neuron
	$(Q)install -m 644 dkms.conf Kbuild $(DKMS_SOURCE)/
	$(Q)install -m 644 driver/*.c driver/*.h driver/Kbuild $(DKMS_SOURCE)/driver/
	$(Q)install -m 644 uapi/linux/*.h $(DKMS_SOURCE)/uapi/linux/
	$(Q)install -m 644 uapi/neuron/* $(DKMS_SOURCE)/uapi/neuron/
	$(Q)install -D -m 644 driver/udev/60-neuron.rules $(DESTDIR)/usr/lib/udev/rules.d/60-neuron.rules
	$(Q)install -D -m 644 driver/modules-load.d/neuron.conf $(DESTDIR)/usr/lib/modules-load.d/neuron.conf
	$(Q)install -D -m 644 driver/sysusers.d/neuron.conf $(DESTDIR)/usr/lib/sysusers.d/neuron.conf
	$(Q)install -D -m 644 driver/tmpfiles.d/neuron.conf $(DESTDIR)/usr/lib/tmpfiles.d/neuron.conf
	$(Q)for f in $^; do install -D -m 644 $$f $(DESTDIR)/usr/lib/firmware/neuron/$${f##*/}; done
