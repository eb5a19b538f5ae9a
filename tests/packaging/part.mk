# SPDX-License-Identifier: Apache-2.0
# What packaging/install installs, made before suites run side by side.

TEST_TOOLS += $(MAN_PAGES) $(COMPLETIONS)
