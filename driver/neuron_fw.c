// SPDX-License-Identifier: GPL-2.0
/*
 * The extension block as a whole: discovery by the vendor-specific capability, firmware
 * loading, the gate on its API version, firmware events.
 *
 * Locking: firmware is loaded while ndev->broken keeps all others away; start and stop have
 * ndev->rwsem held for writing.
 */
#include <linux/dma-mapping.h>
#include <linux/firmware.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <neuron/fw.h>

#include "neuron.h"
#include "neuron_context.h"
#include "neuron_event.h"
#include "neuron_fw.h"
#include "neuron_fw_image.h"
#include "neuron_queue.h"

#define NEURON_FW_NAME		"neuron/inferentia.bin"
#define NEURON_FW_BOOT_US	(5 * USEC_PER_SEC)

static bool fw_load;
module_param(fw_load, bool, 0444);
MODULE_PARM_DESC(fw_load, "load " NEURON_FW_NAME " (default: run what is in the chip's flash)");
MODULE_FIRMWARE(NEURON_FW_NAME);

void neuron_ext_find(struct neuron_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;
	u32 bar, offset, length, header;
	u16 pos = 0;

	while ((pos = pci_find_next_ext_capability(pdev, pos, PCI_EXT_CAP_ID_VNDR))) {
		pci_read_config_dword(pdev, pos + PCI_VNDR_HEADER, &header);
		if (PCI_VNDR_HEADER_ID(header) == NEURON_VSEC_ID &&
		    PCI_VNDR_HEADER_LEN(header) >= NEURON_VSEC_SIZE)
			break;
	}
	if (!pos)
		return;
	pci_read_config_dword(pdev, pos + NEURON_VSEC_BAR, &bar);
	pci_read_config_dword(pdev, pos + NEURON_VSEC_OFFSET, &offset);
	pci_read_config_dword(pdev, pos + NEURON_VSEC_LENGTH, &length);
	if (PCI_VNDR_HEADER_REV(header) != NEURON_VSEC_REV || bar != NEURON_BAR_APB ||
	    length < NEURON_EXT_SIZE || offset % PAGE_SIZE ||
	    (u64)offset + length > pci_resource_len(pdev, bar)) {
		dev_warn(&pdev->dev, "extension block (revision %u, BAR %u, %#x + %#x) is not usable\n",
			 PCI_VNDR_HEADER_REV(header), bar, offset, length);
		return;
	}
	ndev->ext = ndev->apb + offset;
	if (neuron_ext_read(ndev, NEURON_EXT_MAGIC) != NEURON_EXT_MAGIC_VALUE ||
	    neuron_ext_read(ndev, NEURON_EXT_VERSION) >> 16 != NEURON_EXT_VERSION_VALUE >> 16) {
		dev_warn(&pdev->dev, "extension block has an unknown version\n");
		ndev->ext = NULL;
	}
}

static bool neuron_fw_booted(struct neuron_device *ndev, u32 *state, u32 *error)
{
	*state = neuron_ext_read(ndev, NEURON_EXT_FW_STATE);
	*error = neuron_ext_read(ndev, NEURON_EXT_FW_BOOT_ERROR);
	return *state == NEURON_FW_STATE_RUNNING || *state == NEURON_FW_STATE_CRASHED ||
	       (*state == NEURON_FW_STATE_RESET && *error != NEURON_FW_BOOT_OK);
}

static int neuron_fw_boot(struct neuron_device *ndev, dma_addr_t image, size_t size)
{
	u32 state, error;
	bool done;
	int ret;

	/* Halted first, so that the new firmware's state cannot be taken for the old one's. */
	neuron_ext_write(ndev, NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_HALT);
	ret = readl_poll_timeout(ndev->ext + NEURON_EXT_FW_STATE, state,
				 state != NEURON_FW_STATE_RUNNING &&
				 state != NEURON_FW_STATE_BOOTING, 1000, NEURON_FW_BOOT_US);
	if (ret) {
		dev_err(&ndev->pdev->dev, "firmware does not halt: state %u\n", state);
		return ret;
	}
	neuron_ext_write(ndev, NEURON_EXT_FW_IMAGE_LO, lower_32_bits(image));
	neuron_ext_write(ndev, NEURON_EXT_FW_IMAGE_HI, upper_32_bits(image));
	neuron_ext_write(ndev, NEURON_EXT_FW_IMAGE_SIZE, size);
	neuron_ext_write(ndev, NEURON_EXT_FW_CTRL, NEURON_FW_CTRL_BOOT_IMAGE);
	ret = read_poll_timeout(neuron_fw_booted, done, done, 1000, NEURON_FW_BOOT_US, false, ndev,
				&state, &error);
	if (ret || state != NEURON_FW_STATE_RUNNING) {
		dev_err(&ndev->pdev->dev, "firmware does not start: state %u, boot error %u\n",
			state, error);
		return ret ? ret : -EIO;
	}
	return 0;
}

int neuron_fw_load(struct neuron_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	const struct firmware *fw;
	const char *why;
	dma_addr_t dma;
	void *image;
	int ret;

	if (!fw_load || !ndev->ext)
		return 0;
	ret = request_firmware(&fw, NEURON_FW_NAME, dev);
	if (ret)
		return ret;
	ret = neuron_fw_image_check(fw->data, fw->size, &why);
	if (ret) {
		dev_err(dev, "%s is refused: %s\n", NEURON_FW_NAME, why);
		goto out_release;
	}
	image = dma_alloc_coherent(dev, fw->size, &dma, GFP_KERNEL);
	if (!image) {
		ret = -ENOMEM;
		goto out_release;
	}
	memcpy(image, fw->data, fw->size);
	ret = neuron_fw_boot(ndev, dma, fw->size);
	/* It may still be reading. Whoever tries again lets it reach memory again. */
	if (ret)
		pci_clear_master(ndev->pdev);
	dma_free_coherent(dev, fw->size, image, dma);
out_release:
	release_firmware(fw);
	return ret;
}

/* Of use for copies only, unless it could compute before: then firmware talks nonsense. */
static int neuron_ext_no_compute(struct neuron_device *ndev)
{
	return ndev->computed ? -EIO : 0;
}

int neuron_ext_start(struct neuron_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	u32 geometry;

	ndev->compute = false;
	ndev->core_count = NEURON_CORES;
	ndev->queues_per_core = 0;
	ndev->ext_features = 0;
	if (!ndev->ext)
		return 0;
	ndev->fw_version = neuron_ext_read(ndev, NEURON_EXT_FW_VERSION);
	ndev->fw_api = neuron_ext_read(ndev, NEURON_EXT_FW_API);
	ndev->ext_features = neuron_ext_read(ndev, NEURON_EXT_FEATURES);
	/* The chip has the registers, firmware has to do the work. */
	if (ndev->fw_api < (NEURON_FW_API_MAJOR << 16 | NEURON_FW_API_CANCEL))
		ndev->ext_features &= ~NEURON_EXT_FEATURE_CANCEL;
	if (ndev->fw_api < (NEURON_FW_API_MAJOR << 16 | NEURON_FW_API_TRACE))
		ndev->ext_features &= ~NEURON_EXT_FEATURE_TRACE;
	if (!(ndev->ext_features & NEURON_EXT_FEATURE_COMPUTE))
		return neuron_ext_no_compute(ndev);
	if (ndev->fw_api >> 16 != NEURON_FW_API_MAJOR) {
		dev_warn(dev, "firmware has API %u.%u, compute needs %u.x; see parameter fw_load\n",
			 ndev->fw_api >> 16, ndev->fw_api & 0xffff, NEURON_FW_API_MAJOR);
		return neuron_ext_no_compute(ndev);
	}
	geometry = neuron_ext_read(ndev, NEURON_EXT_GEOMETRY);
	ndev->core_count = min_t(unsigned int, geometry & 0xff, NEURON_CORES);
	ndev->queues_per_core = min_t(unsigned int, geometry >> 8 & 0xff, NEURON_QUEUES_PER_CORE);
	if (!ndev->core_count || !ndev->queues_per_core) {
		dev_warn(dev, "firmware offers no NeuronCore queue (geometry %#x)\n", geometry);
		ndev->core_count = NEURON_CORES;
		return neuron_ext_no_compute(ndev);
	}
	neuron_context_start(ndev);
	ndev->compute = true;
	ndev->computed = true;
	return 0;
}

void neuron_ext_stop(struct neuron_device *ndev)
{
	if (ndev->ext)
		neuron_ext_write(ndev, NEURON_EXT_CTXDIR_COUNT, 0);
}

bool neuron_fw_dead(struct neuron_device *ndev)
{
	u32 state = neuron_ext_read(ndev, NEURON_EXT_STATUS + NEURON_STATUS_FW_STATE);

	return state == NEURON_FW_STATE_CRASHED || state == NEURON_FW_STATE_HALTED || state == ~0u;
}

void neuron_fw_work(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(work, struct neuron_device, fw_work);
	u32 events;

	down_read(&ndev->rwsem);
	if (!neuron_device_error(ndev) && ndev->ext) {
		events = neuron_ext_read(ndev, NEURON_EXT_EVENTS);
		neuron_ext_write(ndev, NEURON_EXT_EVENTS, events);
		if (events)
			neuron_storm_explain(&ndev->vectors[NEURON_VECTOR_FW].storm);
		if (events & NEURON_EVENT_FW_STATE && neuron_fw_dead(ndev))
			neuron_device_broken(ndev, "firmware crashed");
		else if (events & NEURON_EVENT_QUEUE)
			neuron_queue_check_states(ndev);
		neuron_event_telemetry(ndev, events);
	}
	up_read(&ndev->rwsem);
}
