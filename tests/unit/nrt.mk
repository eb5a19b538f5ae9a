# SPDX-License-Identifier: Apache-2.0
# Unit tests of libnrt and of what the tools share.

NRT_TEST_CFLAGS := $(NRT_CFLAGS) -Iuserspace/tools/common -Iuserspace/tools
NRT_TEST_LIBS := $(O)/lib/libnrt-static.a $(O)/lib/libneuronemu.a $(NRT_LIBS) -lcmocka
NRT_TEST_DEPS := $(O)/lib/libnrt-static.a $(O)/lib/libneuronemu.a
NRT_BUILD := tests/unit/nrt_build.c

# nrt-test,NAME,SOURCES: tests/unit/NAME.c with more sources
define nrt-test
$(call test-program,unit/$(1),tests/unit/$(1).c $(2),$(NRT_TEST_CFLAGS),$(NRT_TEST_LIBS),$(NRT_TEST_DEPS))
UNIT_TESTS += $(O)/tests/unit/$(1)
endef

$(eval $(call nrt-test,nrt_npy,userspace/tools/common/npy.c))
$(eval $(call nrt-test,nrt_bench,userspace/tools/bench_fill.c))
$(eval $(call nrt-test,nrt_env))
$(eval $(call nrt-test,nrt_neff,$(NRT_BUILD)))
$(eval $(call nrt-test,nrt_abi))
NRT_API_TESTS := $(NRT_BUILD) $(addprefix tests/unit/nrt_api_,state.c tensor.c model.c exec.c threads.c profile.c)
$(eval $(call nrt-test,nrt_api,$(NRT_API_TESTS)))
# The same for the guest, with the library as programs see it.
$(eval $(call test-program,guest/nrt-suite,tests/unit/nrt_api.c $(NRT_API_TESTS),$(NRT_TEST_CFLAGS),-L$(O)/lib -lnrt $(NEFF_LIBS) -lcmocka,$(O)/lib/libnrt.so))
initramfs: $(O)/tests/guest/nrt-suite
$(eval $(call nrt-test,nrt_stats,$(NRT_BUILD) userspace/lib/stats_read.c))
$(eval $(call nrt-test,nrt_ls,$(addprefix userspace/,tools/ls_print.c tools/ls_devices.c tools/common/cli.c tools/common/proc.c lib/stats_read.c)))
NRT_WRAP_LOG := -Wl,--wrap=syslog,--wrap=__syslog_chk
$(eval $(call test-program,unit/nrt_log,tests/unit/nrt_log.c,$(NRT_TEST_CFLAGS),$$(NRT_WRAP_LOG) $(NRT_TEST_LIBS),$(NRT_TEST_DEPS)))
UNIT_TESTS += $(O)/tests/unit/nrt_log
# The driver of nrt_kernel.c takes the place of these; the commas need a variable.
NRT_WRAP := -Wl,--wrap=ioctl,--wrap=nrt_discover,--wrap=nrt_discover_pci
$(eval $(call test-program,unit/nrt_kernel,tests/unit/nrt_kernel.c,$(NRT_TEST_CFLAGS),$$(NRT_WRAP) $(NRT_TEST_LIBS),$(NRT_TEST_DEPS)))
UNIT_TESTS += $(O)/tests/unit/nrt_kernel
# Nodes that wait for each other take the place of these.
NRT_WRAP_CPU := -Wl,--wrap=emu_core_exec,--wrap=nrt_cpu_run,--wrap=nrt_cpu_session_create,--wrap=nrt_cpu_session_free
$(eval $(call test-program,unit/nrt_overlap,tests/unit/nrt_overlap.c $(NRT_BUILD),$(NRT_TEST_CFLAGS),$$(NRT_WRAP_CPU) $(NRT_TEST_LIBS),$(NRT_TEST_DEPS)))
UNIT_TESTS += $(O)/tests/unit/nrt_overlap
