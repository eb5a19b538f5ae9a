# SPDX-License-Identifier: Apache-2.0
# What uses libnrt in guests: models in groups of NeuronCores, chips and kernels that fail, frames of a GPU.

GROUPS_LINK := -L$(O)/lib -Wl,-rpath,'$$ORIGIN/../../lib' -lnrt -pthread

$(eval $(call test-program,guest/nrt-groups,tests/groups/groups.c,-Iuserspace/include,$$(GROUPS_LINK),$(O)/lib/libnrt.so))
TEST_TOOLS += $(O)/tests/guest/nrt-groups
initramfs: $(O)/tests/guest/nrt-groups

$(eval $(call test-program,guest/nrt-broken,tests/groups/broken.c,-Iuserspace/include,$$(GROUPS_LINK),$(O)/lib/libnrt.so))
TEST_TOOLS += $(O)/tests/guest/nrt-broken
initramfs: $(O)/tests/guest/nrt-broken

# Set-up installs it; the demo does without.
ifeq ($(shell pkg-config --exists libdrm 2>/dev/null && echo yes),yes)
DRM_CFLAGS := $(shell pkg-config --cflags libdrm)
$(eval $(call test-program,guest/nrt-frames,tests/groups/frames.c,-Iuserspace/include $(DRM_CFLAGS),$$(GROUPS_LINK) -ldrm,$(O)/lib/libnrt.so))
TEST_TOOLS += $(O)/tests/guest/nrt-frames
initramfs: $(O)/tests/guest/nrt-frames
endif
