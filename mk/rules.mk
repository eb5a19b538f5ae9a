# SPDX-License-Identifier: Apache-2.0
# Templates for part.mk files. Sources are named from the top of the tree.
#
#   $(eval $(call static-lib,NAME,SOURCES,CFLAGS))          $(O)/lib/NAME.a
#   $(eval $(call shared-lib,FILE,SOURCES,CFLAGS,LIBS,DEPS)) $(O)/lib/FILE (FILE as libx.so.1)
#   $(eval $(call program,NAME,SOURCES,CFLAGS,LIBS,DEPS))   $(O)/bin/NAME
#   $(eval $(call test-program,NAME,SOURCES,CFLAGS,LIBS,DEPS)) $(O)/tests/NAME, not part of "all"
#
# Objects go to $(O)/obj/TARGET/, so that one source may be built with other flags elsewhere.

obj-of = $(patsubst %.c,$(O)/obj/$(1)/%.o,$(2))

define objects
$(O)/obj/$(1)/%.o: %.c
	$(say) CC $$<
	$(Q)mkdir -p $$(dir $$@)
	$(Q)$(CCACHE) $(CC) $(CFLAGS) $(BASE_CFLAGS) $(3) -MMD -MP -c -o $$@ $$<
DEPS += $(patsubst %.c,$(O)/obj/$(1)/%.d,$(2))
endef

define static-lib
$(call objects,$(1),$(2),$(3))
$(O)/lib/$(1).a: $(call obj-of,$(1),$(2))
	$(say) AR $$@
	$(Q)mkdir -p $$(dir $$@) && rm -f $$@
	$(Q)$(AR) rcs $$@ $$^
endef

define shared-lib
$(call objects,$(1),$(2),$(3))
$(O)/lib/$(1): $(call obj-of,$(1),$(2)) $(5)
	$(say) LD $$@
	$(Q)mkdir -p $$(dir $$@)
	$(Q)$(CC) -shared -Wl,-soname,$(1) $(BASE_LDFLAGS) -o $$@ $(call obj-of,$(1),$(2)) $(4)
endef

define program
$(call objects,$(1),$(2),$(3))
$(O)/bin/$(1): $(call obj-of,$(1),$(2)) $(5)
	$(say) LD $$@
	$(Q)mkdir -p $$(dir $$@)
	$(Q)$(CC) $(BASE_LDFLAGS) -o $$@ $(call obj-of,$(1),$(2)) $(4)
endef

define test-program
$(call objects,test-$(notdir $(1)),$(2),$(3))
$(O)/tests/$(1): $(call obj-of,test-$(notdir $(1)),$(2)) $(5)
	$(say) LD $$@
	$(Q)mkdir -p $$(dir $$@)
	$(Q)$(CC) $(BASE_LDFLAGS) -o $$@ $(call obj-of,test-$(notdir $(1)),$(2)) $(4)
endef
