# SPDX-License-Identifier: Apache-2.0
# neuron-cc. All but its main() is a library, for the unit tests.

NCC_SRCS := $(filter-out compiler/main.c,$(sort $(wildcard compiler/*.c)))
NCC_CFLAGS := -Icompiler
NCC_LIBS := -larchive -ljansson -lcrypto -lm

$(eval $(call static-lib,libncc,$(NCC_SRCS),$(NCC_CFLAGS)))
$(eval $(call program,neuron-cc,compiler/main.c,$(NCC_CFLAGS),$(O)/lib/libncc.a $(NCC_LIBS),$(O)/lib/libncc.a))

TOOLS += neuron-cc
ALL += $(O)/bin/neuron-cc
