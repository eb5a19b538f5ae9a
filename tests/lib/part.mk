# SPDX-License-Identifier: Apache-2.0
# ONNX Runtime as a test server; its header comes with the library, see tests/testbed/prepare.

$(eval $(call test-program,ort-run,tests/lib/ort-run.c,-isystem $(NEURON_CACHE)/ort/include,-ldl))
TEST_TOOLS += $(O)/tests/ort-run
