# SPDX-License-Identifier: Apache-2.0
# Options, tools and flags that every part shares.

V ?= 0
W ?= 0
C ?= 0
SAN ?= 0

ifeq ($(SAN),1)
O ?= build/san
else ifeq ($(SAN),thread)
O ?= build/tsan
else ifeq ($(SAN),fuzz)
O ?= build/fuzz
else
O ?= build
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

VERSION := 0.1.0
NEURON_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/neuron
# The harness of the tests that run in the guest, put there by "make setup".
KSELFTEST_DIR ?= $(NEURON_CACHE)/linux-source/tools/testing/selftests

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
# Behind ccache where the host has it: a fresh clone compiles what has changed since the last one.
# Objects do not depend on where the tree lies. CCACHE= goes without.
CCACHE ?= $(shell command -v ccache)
export CCACHE_DIR ?= $(NEURON_CACHE)/ccache
export CCACHE_NOHASHDIR := 1
export CCACHE_BASEDIR := $(CURDIR)
AR := ar
PYTHON := /usr/bin/python3
RISCV_PREFIX ?= riscv64-unknown-elf-

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unused-parameter
ifeq ($(W),1)
WARN += -Wshadow -Wcast-align -Wconversion -Wno-sign-conversion -Wno-error
endif
# fp-contract=off: the chip's arithmetic is specified to the bit.
BASE_CFLAGS := -std=gnu11 -fPIC -fvisibility=hidden -ffp-contract=off -fno-strict-aliasing -pthread \
	-D_GNU_SOURCE -DNEURON_VERSION='"$(VERSION)"' -Iuapi $(WARN)
BASE_LDFLAGS := $(LDFLAGS) -pthread -Wl,--as-needed
ifeq ($(SAN),1)
BASE_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
BASE_LDFLAGS += -fsanitize=address,undefined
else ifeq ($(SAN),thread)
# -Wno-tsan: fences stand beside atomics, which the sanitizer does see.
BASE_CFLAGS += -fsanitize=thread -fno-omit-frame-pointer
BASE_LDFLAGS += -fsanitize=thread
ifeq ($(findstring clang,$(CC)),)
BASE_CFLAGS += -Wno-tsan
endif
else ifeq ($(SAN),fuzz)
# For tests/fuzz, with CC=clang: the targets themselves add libFuzzer's main().
BASE_CFLAGS += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
BASE_LDFLAGS += -fsanitize=address,undefined
else ifneq ($(SAN),0)
$(error SAN=$(SAN): 1 is ASan and UBSan, thread is TSan, fuzz is for make fuzz)
endif

# What "make install" puts into bindir, with a manual page and completion made from --help.
TOOLS :=
# A comma in an argument of a function.
, := ,
ALL :=
DEPS :=
