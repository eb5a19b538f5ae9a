// SPDX-License-Identifier: Apache-2.0
/*
 * Configuration space: header, PM, MSI-X, PCI Express with FLR, AER, serial number and
 * the vendor-specific capability that announces the extension block.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <neuron/ext.h>

#include "chip.h"

/* Where the capabilities are. */
#define CAP_PM		0x40
#define CAP_MSIX	0x50
#define CAP_EXP		0x60
#define EXT_AER		0x100
#define EXT_DSN		0x150
#define EXT_VSEC	0x160

#define CLASS_ACCELERATOR	0x120000	/* processing accelerator */

static void put(uint8_t *config, unsigned int off, uint64_t value, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		config[off + i] = value >> (8 * i);
}

/*
 * All three BARs are 64-bit and prefetchable: reads have no side effects, and only
 * prefetchable windows of bridges lie above 4 GiB, where sixteen chips find room.
 */
static void put_bar(struct emu_pci *pci, unsigned int bar, uint64_t size)
{
	unsigned int off = PCI_BASE_ADDRESS_0 + 4 * bar;

	put(pci->config, off, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, 4);
	put(pci->writable, off, ~(size - 1), 8);
}

static void init_header(struct emu_pci *pci, uint8_t revision)
{
	uint8_t *c = pci->config;

	put(c, PCI_VENDOR_ID, NEURON_PCI_VENDOR, 2);
	put(c, PCI_DEVICE_ID, NEURON_PCI_DEVICE_0, 2);
	put(c, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	put(c, PCI_CLASS_REVISION, revision | CLASS_ACCELERATOR << 8, 4);
	put(c, PCI_SUBSYSTEM_VENDOR_ID, NEURON_PCI_VENDOR, 2);
	put(c, PCI_SUBSYSTEM_ID, NEURON_PCI_DEVICE_0, 2);
	put(c, PCI_CAPABILITY_LIST, CAP_PM, 1);
	put(pci->writable, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
	    PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE, 2);
	put(pci->clear, PCI_STATUS, 0xf900, 2);
	put(pci->writable, PCI_CACHE_LINE_SIZE, 0xff, 1);
	put(pci->writable, PCI_INTERRUPT_LINE, 0xff, 1);
	put_bar(pci, NEURON_BAR_APB, NEURON_BAR_APB_SIZE);
	put_bar(pci, NEURON_BAR_NC, NEURON_BAR_NC_SIZE);
	put_bar(pci, NEURON_BAR_DRAM, NEURON_BAR_DRAM_SIZE);
}

static void init_pm_msix(struct emu_pci *pci, unsigned int vectors)
{
	uint8_t *c = pci->config;

	put(c, CAP_PM, PCI_CAP_ID_PM, 1);
	put(c, CAP_PM + PCI_CAP_LIST_NEXT, vectors ? CAP_MSIX : CAP_EXP, 1);
	put(c, CAP_PM + PCI_PM_PMC, 3, 2);
	put(c, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET, 2);
	put(pci->writable, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 2);
	if (!vectors)
		return;
	put(c, CAP_MSIX, PCI_CAP_ID_MSIX, 1);
	put(c, CAP_MSIX + PCI_CAP_LIST_NEXT, CAP_EXP, 1);
	put(c, CAP_MSIX + PCI_MSIX_FLAGS, vectors - 1, 2);
	put(c, CAP_MSIX + PCI_MSIX_TABLE,
	    (NEURON_EXT_BASE + NEURON_EXT_MSIX_TABLE) | NEURON_EXT_BAR, 4);
	put(c, CAP_MSIX + PCI_MSIX_PBA, (NEURON_EXT_BASE + NEURON_EXT_MSIX_PBA) | NEURON_EXT_BAR,
	    4);
	put(pci->writable, CAP_MSIX + PCI_MSIX_FLAGS,
	    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
}

static void init_express(struct emu_pci *pci)
{
	uint8_t *c = pci->config;
	uint8_t *w = pci->writable;

	put(c, CAP_EXP, PCI_CAP_ID_EXP, 1);
	put(c, CAP_EXP + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4, 2);
	put(c, CAP_EXP + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER |
	    PCI_EXP_DEVCAP_EXT_TAG | 1, 4);
	put(c, CAP_EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN |
	    PCI_EXP_DEVCTL_READRQ_512B, 2);
	put(w, CAP_EXP + PCI_EXP_DEVCTL, 0x7fff, 2);
	put(pci->clear, CAP_EXP + PCI_EXP_DEVSTA, 0x000f, 2);
	put(c, CAP_EXP + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_8_0GB | 8 << 4, 4);
	put(w, CAP_EXP + PCI_EXP_LNKCTL, PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB |
	    PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES, 2);
	put(c, CAP_EXP + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_8_0GB | 8 << 4, 2);
	put(c, CAP_EXP + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS, 4);
	put(w, CAP_EXP + PCI_EXP_DEVCTL2,
	    PCI_EXP_DEVCTL2_COMP_TIMEOUT | PCI_EXP_DEVCTL2_COMP_TMOUT_DIS, 2);
	put(c, CAP_EXP + PCI_EXP_LNKCAP2, 0x0e, 4);
	put(c, CAP_EXP + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS_8_0GT, 2);
	put(w, CAP_EXP + PCI_EXP_LNKCTL2, PCI_EXP_LNKCTL2_TLS, 2);
}

static void put_ext_cap(uint8_t *c, unsigned int at, unsigned int id, unsigned int version,
			unsigned int next)
{
	put(c, at, id | version << 16 | next << 20, 4);
}

static void init_extended(struct emu_pci *pci, uint32_t index, bool silicon)
{
	uint8_t *c = pci->config;
	uint8_t *w = pci->writable;

	put_ext_cap(c, EXT_AER, PCI_EXT_CAP_ID_ERR, 2, EXT_DSN);
	put(pci->clear, EXT_AER + PCI_ERR_UNCOR_STATUS, 0x007ff030, 4);
	put(w, EXT_AER + PCI_ERR_UNCOR_MASK, 0x007ff030, 4);
	put(c, EXT_AER + PCI_ERR_UNCOR_SEVER, 0x00462030, 4);
	put(w, EXT_AER + PCI_ERR_UNCOR_SEVER, 0x007ff030, 4);
	put(pci->clear, EXT_AER + PCI_ERR_COR_STATUS, 0x0000f1c1, 4);
	put(c, EXT_AER + PCI_ERR_COR_MASK, 0x00002000, 4);
	put(w, EXT_AER + PCI_ERR_COR_MASK, 0x0000f1c1, 4);

	put_ext_cap(c, EXT_DSN, PCI_EXT_CAP_ID_DSN, 1, silicon ? 0 : EXT_VSEC);
	put(c, EXT_DSN + 4, index, 4);
	put(c, EXT_DSN + 8, NEURON_PCI_VENDOR << 16 | NEURON_PCI_DEVICE_0, 4);

	if (silicon)
		return;
	put_ext_cap(c, EXT_VSEC, PCI_EXT_CAP_ID_VNDR, 1, 0);
	put(c, EXT_VSEC + PCI_VNDR_HEADER,
	    NEURON_VSEC_ID | NEURON_VSEC_REV << 16 | NEURON_VSEC_SIZE << 20, 4);
	put(c, EXT_VSEC + NEURON_VSEC_BAR, NEURON_EXT_BAR, 4);
	put(c, EXT_VSEC + NEURON_VSEC_OFFSET, NEURON_EXT_BASE, 4);
	put(c, EXT_VSEC + NEURON_VSEC_LENGTH, NEURON_EXT_SIZE, 4);
}

void emu_pci_reset(struct emu_chip *chip)
{
	struct emu_pci *pci = &chip->pci;

	pthread_mutex_lock(&pci->lock);
	memset(pci->config, 0, sizeof(pci->config));
	memset(pci->writable, 0, sizeof(pci->writable));
	memset(pci->clear, 0, sizeof(pci->clear));
	init_header(pci, chip->config.revision);
	init_pm_msix(pci, chip->config.vectors);
	init_express(pci);
	init_extended(pci, chip->config.index, emu_chip_silicon(chip));
	atomic_store(&pci->bus_master, false);
	pthread_mutex_unlock(&pci->lock);
}

int emu_pci_init(struct emu_chip *chip)
{
	pthread_mutex_init(&chip->pci.lock, NULL);
	emu_pci_reset(chip);
	return 0;
}

void emu_pci_fini(struct emu_chip *chip)
{
	pthread_mutex_destroy(&chip->pci.lock);
}

static bool outside(struct emu_chip *chip, const char *what, uint32_t off, size_t len)
{
	if (off < EMU_PCI_CONFIG_SIZE && len <= EMU_PCI_CONFIG_SIZE - off)
		return false;
	emu_guest_error(chip, EMU_GE_PCI_CONFIG, "%s of %zu bytes at 0x%x", what, len, off);
	return true;
}

int emu_config_read(struct emu_chip *chip, uint32_t off, void *buf, size_t len)
{
	if (outside(chip, "read", off, len))
		return -EINVAL;
	if (emu_fault_off_bus(chip)) {
		memset(buf, 0xff, len);
		return 0;
	}
	pthread_mutex_lock(&chip->pci.lock);
	memcpy(buf, chip->pci.config + off, len);
	pthread_mutex_unlock(&chip->pci.lock);
	return 0;
}

int emu_config_write(struct emu_chip *chip, uint32_t off, const void *buf, size_t len)
{
	const unsigned int flr_byte = CAP_EXP + PCI_EXP_DEVCTL + 1;
	struct emu_pci *pci = &chip->pci;
	const uint8_t *in = buf;
	bool flr = false;
	size_t i;

	if (outside(chip, "write", off, len))
		return -EINVAL;
	if (emu_fault_off_bus(chip))
		return 0;
	pthread_mutex_lock(&pci->lock);
	for (i = 0; i < len; i++) {
		uint8_t *byte = &pci->config[off + i];
		uint8_t mask = pci->writable[off + i];

		*byte = (*byte & ~mask) | (in[i] & mask);
		*byte &= ~(in[i] & pci->clear[off + i]);
		if (off + i == flr_byte && in[i] & PCI_EXP_DEVCTL_BCR_FLR >> 8)
			flr = true;
	}
	atomic_store(&pci->bus_master, pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
	pthread_mutex_unlock(&pci->lock);
	emu_trace(chip, "pci", "config write of %zu bytes at 0x%x%s", len, off, flr ? ": FLR" : "");
	if (flr)
		emu_reset(chip, EMU_RESET_FUNCTION);
	return 0;
}
