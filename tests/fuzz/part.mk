# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets. They are built by clang (SAN=fuzz) into $(O)/fuzz.
#
#   make fuzz [FUZZ_SECONDS=60]   each target for so long; crashes are kept in $(O)/fuzz/crashes

FUZZ_SECONDS ?= 60
FUZZERS := fuzz_vfu fuzz_mmio fuzz_fw fuzz_onnx fuzz_ncc fuzz_neff

.PHONY: fuzz fuzz-build fuzzers
fuzz: fuzz-build
	$(Q)for t in $(FUZZERS); do tests/fuzz/run.py --out $(O) --seconds $(FUZZ_SECONDS) $$t || exit 1; done

fuzz-build:
	$(Q)$(MAKE) --no-print-directory SAN=fuzz CC=clang O=$(O)/fuzz fuzzers

ifeq ($(SAN),fuzz)
FUZZ_SRCS := tests/fuzz/chip.c $(filter emulator/vfu_%,$(filter-out emulator/vfu_socket.c,$(EMU_FRONT_SRCS)))
$(foreach t,fuzz_vfu fuzz_mmio fuzz_fw,$(eval $(call test-program,$(t),tests/fuzz/$(t).c $(FUZZ_SRCS),-Iemulator -Itests/fuzz,-fsanitize=fuzzer $(O)/lib/libneuronemu.a $(EMU_LIBS),$(O)/lib/libneuronemu.a)))
# The compiler with small limits: large tensors would only make the fuzzer slow.
FUZZ_NCC_SRCS := tests/fuzz/protobuf.c $(NCC_SRCS)
FUZZ_NCC_CFLAGS := $(NCC_CFLAGS) -Itests/fuzz -DNCC_EVAL_LIMIT=65536
$(foreach t,fuzz_onnx fuzz_ncc,$(eval $(call test-program,$(t),tests/fuzz/$(t).c $(FUZZ_NCC_SRCS),$(FUZZ_NCC_CFLAGS),-fsanitize=fuzzer $(NCC_LIBS))))
FUZZ_NEFF_SRCS := $(NEFF_SRCS) userspace/lib/isa_text.c userspace/tools/neff_json.c
$(eval $(call test-program,fuzz_neff,tests/fuzz/fuzz_neff.c $(FUZZ_NEFF_SRCS),$(TOOL_CFLAGS) -Iuserspace/tools,-fsanitize=fuzzer $(NEFF_LIBS) -lm))
fuzzers: $(addprefix $(O)/tests/,$(FUZZERS)) $(FW_IMAGE)
endif
