# SPDX-License-Identifier: Apache-2.0
# libnrt (the runtime), neuron-run, neuron-ls, neuron-objdump, examples.
#
# libneff.a: NEFF reader and element types, for the tools that look into files.
# libnrt-static.a: all of libnrt with its inner names, for unit tests.

NEFF_SRCS := $(addprefix userspace/lib/,neff.c neff_body.c neff_graph.c neff_npy.c \
	neff_write.c dtype.c)
NRT_SRCS := $(NEFF_SRCS) $(addprefix userspace/lib/,log.c env.c status.c device.c device_emu.c emu_watchdog.c \
	device_kernel.c kernel_queue.c discover.c range_alloc.c runtime.c tensor.c tensor_set.c \
	dmabuf.c model.c model_memory.c exec.c exec_repeat.c dump_inputs.c memlog.c cpu.c exec_cpu.c \
	absent.c stats.c stats_dir.c profile.c profile_file.c profile_env.c)
NRT_CFLAGS := -Iuserspace/include -Iuserspace/lib -Iemulator
NRT_MAP := userspace/lib/libnrt.map
# A comma in an argument of $(call) has to come from a variable.
NRT_MAP_FLAG := -Wl,--version-script=$(NRT_MAP)
NEFF_LIBS := -larchive -ljansson -lcrypto
# The emulator goes in privately: the map hides its symbols.
NRT_LIBS := $(NEFF_LIBS) -ldl -ludev $(EMU_LIBS)

$(eval $(call static-lib,libneff,$(NEFF_SRCS),$(NRT_CFLAGS)))
$(eval $(call static-lib,libnrt-static,$(NRT_SRCS),$(NRT_CFLAGS)))
$(eval $(call shared-lib,libnrt.so.1,$(NRT_SRCS),$(NRT_CFLAGS),$$(NRT_MAP_FLAG) $(O)/lib/libneuronemu.a $(NRT_LIBS),$(O)/lib/libneuronemu.a $(NRT_MAP)))

$(O)/lib/libnrt.so: $(O)/lib/libnrt.so.1
	$(Q)ln -sf $(notdir $<) $@

# $(1), $(2), $(3): prefix, includedir, libdir
libnrt-pc = sed -e 's|@prefix@|$(1)|' -e 's|@includedir@|$(2)|' -e 's|@libdir@|$(3)|' -e 's|@version@|$(VERSION)|'

# For programs that are built against the build tree.
$(O)/lib/pkgconfig/libnrt.pc: userspace/lib/libnrt.pc.in mk/config.mk
	$(say) GEN $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(call libnrt-pc,$(abspath $(O)),$(abspath userspace/include),$${prefix}/lib) $< > $@

# Programs find the library beside them, in the build tree and when installed. RPATH=no leaves it to the
# system, for a libdir that the dynamic linker searches.
RPATH ?= $$ORIGIN/../lib
NRT_LINK := -L$(O)/lib $(if $(filter-out no,$(RPATH)),-Wl$(,)-rpath$(,)'$(RPATH)') -lnrt
TOOL_CFLAGS := -Iuserspace/include -Iuserspace/tools/common -Iuserspace/lib
TOOL_COMMON := $(addprefix userspace/tools/common/,cli.c)
# Of tools that run models.
TOOL_NRT := $(TOOL_COMMON) userspace/tools/common/cli_nrt.c

RUN_SRCS := $(addprefix userspace/tools/,neuron_run.c run_options.c run_model.c run_input.c \
	run_report.c common/cli_json.c common/npy.c common/npy_tensor.c common/image.c common/image_tensor.c) $(TOOL_NRT)
$(eval $(call program,neuron-run,$(RUN_SRCS),$(TOOL_CFLAGS),$(O)/lib/libneff.a $(NEFF_LIBS) $$(NRT_LINK) -lpng -ljpeg -lm,$(O)/lib/libnrt.so $(O)/lib/libneff.a))

BENCH_SRCS := $(addprefix userspace/tools/,neuron_bench.c bench_options.c bench_load.c bench_fill.c \
	bench_report.c common/cli_json.c) $(TOOL_NRT)
$(eval $(call program,neuron-bench,$(BENCH_SRCS),$(TOOL_CFLAGS),$(O)/lib/libneff.a $(NEFF_LIBS) $$(NRT_LINK) -lm,$(O)/lib/libnrt.so $(O)/lib/libneff.a))

LS_SRCS := $(addprefix userspace/tools/,neuron_ls.c ls_devices.c ls_print.c common/proc.c) $(TOOL_COMMON) \
	$(addprefix userspace/lib/,discover.c stats_read.c stats_dir.c)
$(eval $(call program,neuron-ls,$(LS_SRCS),$(TOOL_CFLAGS),-ljansson -ludev))

# Readers of what processes publish, and of /proc.
STATS_SRCS := userspace/lib/stats_read.c userspace/lib/stats_dir.c \
	$(addprefix userspace/tools/common/,proc.c processes.c)

MONITOR_CORE := $(addprefix userspace/tools/,mon_config.c mon_sample.c mon_report.c mon_prometheus.c \
	mon_http.c)
$(eval $(call program,neuron-monitor,$(addprefix userspace/tools/,neuron_monitor.c mon_output.c) $(MONITOR_CORE) $(STATS_SRCS) $(TOOL_COMMON),$(TOOL_CFLAGS),-ljansson -lm))
TOOLS += neuron-monitor
ALL += $(O)/bin/neuron-monitor

TOP_SRCS := $(addprefix userspace/tools/,neuron_top.c top_view.c mon_config.c mon_sample.c mon_report.c) \
	$(STATS_SRCS) $(TOOL_COMMON)
$(eval $(call program,neuron-top,$(TOP_SRCS),$(TOOL_CFLAGS),-ljansson -lncursesw -ltinfo -lm))
TOOLS += neuron-top
ALL += $(O)/bin/neuron-top

OBJDUMP_SRCS := $(addprefix userspace/tools/,neuron_objdump.c objdump_print.c objdump_code.c \
	objdump_json.c neff_json.c common/cli_json.c) $(TOOL_COMMON) userspace/lib/isa_text.c
$(eval $(call program,neuron-objdump,$(OBJDUMP_SRCS),$(TOOL_CFLAGS),$(O)/lib/libneff.a $(NEFF_LIBS) -lm,$(O)/lib/libneff.a))

PACKAGER_SRCS := $(addprefix userspace/tools/,neuron_packager.c packager_file.c packager_info.c \
	packager_unpack.c packager_pack.c packager_dir.c packager_header.c packager_verify.c \
	neff_json.c common/table.c common/cli_json.c) $(TOOL_COMMON) userspace/lib/isa_text.c
$(eval $(call program,neuron-packager,$(PACKAGER_SRCS),$(TOOL_CFLAGS) -Iemulator,$(O)/lib/libneff.a $(O)/lib/libneuronemu.a $(NEFF_LIBS) $(EMU_LIBS),$(O)/lib/libneff.a $(O)/lib/libneuronemu.a))

PROFILE_SRCS := $(addprefix userspace/tools/,neuron_profile.c profile_capture.c profile_read.c \
	profile_names.c profile_sum.c profile_print.c profile_json.c profile_chrome.c \
	common/npy.c common/npy_tensor.c) $(TOOL_NRT)
$(eval $(call program,neuron-profile,$(PROFILE_SRCS),$(TOOL_CFLAGS),$(O)/lib/libneff.a $(NEFF_LIBS) $$(NRT_LINK) -lm,$(O)/lib/libnrt.so $(O)/lib/libneff.a))
TOOLS += neuron-profile
ALL += $(O)/bin/neuron-profile

CHECK_MODEL_SRCS := $(addprefix userspace/tools/,neuron_check_model.c check_model_json.c \
	check_model_print.c common/table.c common/cli_json.c) $(TOOL_COMMON)
$(eval $(call program,neuron-check-model,$(CHECK_MODEL_SRCS),$(TOOL_CFLAGS) -Icompiler,$(O)/lib/libncc.a $$(NCC_LIBS),$(O)/lib/libncc.a))

$(eval $(call program,first_app,userspace/examples/first_app.c,-Iuserspace/include,$$(NRT_LINK),$(O)/lib/libnrt.so))

TOOLS += neuron-run neuron-bench neuron-ls neuron-objdump neuron-packager neuron-check-model
ALL += $(O)/lib/libnrt.so.1 $(O)/lib/libnrt.so $(O)/lib/pkgconfig/libnrt.pc $(O)/bin/neuron-run \
	$(O)/bin/neuron-bench $(O)/bin/neuron-ls $(O)/bin/neuron-objdump $(O)/bin/neuron-packager $(O)/bin/neuron-check-model \
	$(O)/bin/first_app
