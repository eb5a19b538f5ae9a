# SPDX-License-Identifier: Apache-2.0
# foreign-host: a host that knows only the public register contract, against neuron-emu.

FOREIGN_SRCS := $(addprefix tests/foreign/,main.c tap.c vfio_user_client.c emu_proc.c \
	guest_ram.c host.c fwio.c ring.c test_vfio.c test_bringup.c test_fwio.c test_copy.c \
	test_packets.c test_sync.c test_errors.c test_garbage.c test_reset.c test_contract.c \
	test_notify.c test_personality.c test_links.c test_fault.c fuzz.c)

$(eval $(call test-program,foreign-host,$(FOREIGN_SRCS)))
TEST_TOOLS += $(O)/tests/foreign-host
