# SPDX-License-Identifier: Apache-2.0
# What the tests build, and the targets that run them.
#
# UNIT_TESTS: cmocka programs, $(O)/tests/unit/NAME, built once more with SAN=1.
# TEST_TOOLS: what other tests need of a build.

UNIT_TESTS :=
TEST_TOOLS :=
BENCH_TOOLS :=
-include $(sort $(wildcard tests/unit/*.mk))
-include $(sort $(wildcard tests/*/part.mk))

# All CPUs, unless who calls has said how many.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: tests unit-tests check check-run demo bench bench-run
unit-tests: $(UNIT_TESTS)
tests: all $(TEST_TOOLS)

# What runs threads of the chip, once more with SAN=thread.
.PHONY: tsan-tests
tsan-tests: $(O)/bin/neuron-emu $(FW_IMAGE) $(filter $(O)/tests/unit/emu_% $(O)/tests/unit/mgmt_chip $(O)/tests/unit/nc_cache,$(UNIT_TESTS))

# ONLY="NAME ..." runs the suites whose names begin so, JOBS=N as many at a time.
check: setup
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory check-run

check-run: tests initramfs-all
	$(Q)$(MAKE) --no-print-directory SAN=1 O=$(O)/san userland unit-tests
	$(Q)$(MAKE) --no-print-directory SAN=thread O=$(O)/tsan tsan-tests
	$(Q)$(MAKE) --no-print-directory fuzz-build
	$(Q)tests/check.py --out $(O) $(if $(JOBS),--jobs $(JOBS)) --suites tests/suites.txt --units "$(notdir $(UNIT_TESTS))" $(ONLY)

# What make check has no time for. PARTS="NAME ..." runs some of it: races attack faults faults-debug copyfaults memory allocations inferences networks-vm fuzz_vfu fuzz_mmio fuzz_fw fuzz_onnx fuzz_ncc fuzz_neff paths dumps packages networks.
SOAK_SECONDS ?= 1800
.PHONY: soak soak-run
soak: setup
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory soak-run

soak-run: tests initramfs
	$(Q)$(MAKE) --no-print-directory SAN=1 O=$(O)/san userland
	$(Q)$(MAKE) --no-print-directory fuzz-build
	$(Q)$(MAKE) --no-print-directory initramfs KERNEL=debug
	$(Q)tests/soak/soak.py --out $(O) --seconds $(SOAK_SECONDS) $(if $(SEED),--seed $(SEED)) $(PARTS)

# TEXT="..." is drawn and read, PAGE=FILE.png is read, PHOTO=FILE.png is searched for faces instead of the demo's own.
demo: setup-demo
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory initramfs
	$(Q)tests/demo/demo.py --out $(O) $(if $(TEXT),--text "$$TEXT") $(if $(PAGE),--page "$$PAGE") $(if $(PHOTO),--photo "$$PHOTO")

bench: setup
	$(Q)$(MAKE) $(PARALLEL) --no-print-directory bench-run

bench-run: initramfs $(TEST_TOOLS) $(BENCH_TOOLS)
	$(Q)tests/bench/bench.py --out $(O)
