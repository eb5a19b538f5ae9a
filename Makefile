# SPDX-License-Identifier: Apache-2.0
# The whole stack: compiler, runtime, tools, emulated chip, firmware, driver, tests.
#
#   make            build all that this host can build
#   make demo       compile trained networks, boot the testbed, modprobe neuron, infer through /dev/neuron0
#   make check      all tests; ends with "N passed, N failed"
#   make soak       long versions of tests, SOAK_SECONDS=1800; SEED=n repeats a run
#   make bench      ratios against peers; also written to $(O)/bench.tsv
#   make install [DESTDIR=] [prefix=/usr/local]  everything; "install-user" without the driver; "uninstall"
#   make deb        Debian packages, in $(O)/deb
#   make fuzz       libFuzzer targets, FUZZ_SECONDS=60 each
#   make vm         a shell in a guest with neuron loaded (DEVICES=n)
#
# V=1 shows commands, O=DIR moves the output, W=1 adds warnings, C=1 runs sparse on
# the driver, SAN=1 builds user space with ASan and UBSan, SAN=thread with TSan (into build/san or
# build/tsan unless O is given).

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

include mk/config.mk
include mk/rules.mk

include emulator/part.mk
include firmware/part.mk
include compiler/part.mk
include userspace/part.mk
include driver/part.mk
include packaging/part.mk
include tests/part.mk

.PHONY: all userland clean help
all: $(ALL)
# All but the kernel module, which sanitizers do not concern.
userland: $(filter-out %.ko,$(ALL))

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

clean:
	$(Q)rm -rf $(O)

-include $(DEPS)
