# SPDX-License-Identifier: Apache-2.0
# Kernel modules that tests of the driver load in the guest, built for each kernel like neuron.ko:
#
#   make kmod [KERNEL=debug|6.1|backports]      $(O)/kmod[-KERNEL]
#
# They are known to the guest's modprobe, but no alias loads them.

KMOD_SOURCES := $(wildcard tests/kmod/*.c tests/kmod/*.h) tests/kmod/Kbuild

# $(call kmod-build,SUFFIX,DIRECTORY OF A BUILT KERNEL): see driver-build.
define kmod-build
$(O)/kmod$(1)/.kdir-$(subst /,_,$(2)):
	$$(Q)mkdir -p $$(dir $$@) && rm -f $(O)/kmod$(1)/.kdir-* && touch $$@

$(patsubst tests/kmod/%,$(O)/kmod$(1)/%,$(KMOD_SOURCES)): $(O)/kmod$(1)/%: | tests/kmod/%
	$$(Q)mkdir -p $$(dir $$@) && ln -sf $$(abspath tests/kmod/$$*) $$@

$(O)/kmod$(1)/.built: $(O)/kmod$(1)/.kdir-$(subst /,_,$(2)) $(KMOD_SOURCES) driver/neuron_compat.h \
		$(patsubst tests/kmod/%,$(O)/kmod$(1)/%,$(KMOD_SOURCES)) $(wildcard $(2)/.config)
	$$(say) KBUILD $$(dir $$@)
	$$(Q)+MAKEFLAGS="$$$${MAKEFLAGS%% -- *}"; $$(or $$(wildcard $(dir $(2))make),$$(MAKE)) --no-print-directory -s -C $(2) M=$$(abspath $(O)/kmod$(1)) \
		W=$$(filter-out 0,$$(W)) C=$$(filter-out 0,$$(C)) CF=-Wsparse-error KCFLAGS=-Werror CC="$$(CC)" \
		NEURON_DRIVER=$$(abspath driver) modules
	$$(Q)touch $$@
endef
$(eval $(call kmod-build,,$(KDIR)))
$(foreach k,$(KERNELS),$(eval $(call kmod-build,-$(k),$(NEURON_CACHE)/kernel-$(k)/build)))

.PHONY: kmod
kmod: $(O)/kmod$(KERNEL_SUFFIX)/.built
ifneq ($(wildcard $(if $(KERNEL_SUFFIX),$(NEURON_CACHE)/kernel$(KERNEL_SUFFIX)/build,$(KDIR))/Makefile),)
initramfs: kmod
endif
