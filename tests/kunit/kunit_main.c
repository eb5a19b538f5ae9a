// SPDX-License-Identifier: GPL-2.0
/*
 * neuron_kunit.ko: KUnit suites of the driver's parts that need no device. Each kunit_*.c is a
 * suite; it includes the part's source, so that the module stands alone.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit tests of the Inferentia driver");
MODULE_LICENSE("GPL");
