// SPDX-License-Identifier: Apache-2.0
/*
 * A model's memory on the device: layout of a node's variables, the image with code and
 * constants, the slots with the rest.
 */
#include <errno.h>
#include <stdlib.h>

#include "model.h"
#include "stats.h"

/* Instructions and DMA like it; also keeps variables on cache lines of their own. */
#define MIN_ALIGNMENT	64

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static int lay_out(const struct neff_node *node, struct nrt_layout *l)
{
	uint32_t i;

	l->offset = calloc(node->variable_count + 1, sizeof(*l->offset));
	if (!l->offset)
		return -ENOMEM;
	for (i = 0; i < NEURON_ENGINES; i++) {
		l->stream[i].offset = l->code_size;
		l->stream[i].count = node->stream[i]->size / NEURON_INSN_SIZE;
		l->code_size += node->stream[i]->size;
	}
	l->image_size = l->code_size;
	l->image_align = l->data_align = MIN_ALIGNMENT;
	for (i = 0; i < node->variable_count; i++) {
		const struct neff_variable *v = &node->variables[i];
		uint64_t align = v->alignment > MIN_ALIGNMENT ? v->alignment : MIN_ALIGNMENT;
		bool file = v->type == NEFF_VAR_FILE;
		uint64_t *size = file ? &l->image_size : &l->data_size;
		uint64_t *max = file ? &l->image_align : &l->data_align;

		/* At most 254 variables of 4 GiB: no overflow. */
		l->offset[i] = round_up(*size, align);
		*size = l->offset[i] + v->size;
		if (align > *max)
			*max = align;
	}
	return 0;
}

int nrt_layouts_create(const struct neff *neff, struct nrt_layout **result)
{
	struct nrt_layout *layouts = calloc(neff->node_count, sizeof(*layouts));
	uint32_t i;

	if (!layouts)
		return -ENOMEM;
	for (i = 0; i < neff->node_count; i++)
		if (!neff->nodes[i].model && lay_out(&neff->nodes[i], &layouts[i])) {
			nrt_layouts_free(neff, layouts);
			return -ENOMEM;
		}
	*result = layouts;
	return 0;
}

void nrt_layouts_free(const struct neff *neff, struct nrt_layout *layouts)
{
	uint32_t i;

	for (i = 0; layouts && i < neff->node_count; i++)
		free(layouts[i].offset);
	free(layouts);
}

int nrt_image_create(const struct neff_node *node, const struct nrt_layout *layout,
		     struct nrt_device *dev, struct nrt_mem **result)
{
	struct nrt_mem *image;
	uint32_t i;
	int rc;

	rc = nrt_mem_create(dev, NRT_MEM_DEVICE, layout->image_size, layout->image_align, &image);
	if (rc)
		return rc;
	for (i = 0; !rc && i < NEURON_ENGINES; i++)
		rc = nrt_mem_write(image, layout->stream[i].offset, node->stream[i]->data,
				   node->stream[i]->size);
	for (i = 0; !rc && i < node->variable_count; i++)
		if (node->variables[i].type == NEFF_VAR_FILE)
			rc = nrt_mem_write(image, layout->offset[i], node->variables[i].data,
					   node->variables[i].size);
	if (rc) {
		nrt_mem_put(image);
		return rc;
	}
	*result = image;
	return 0;
}

static uint32_t access_of(enum neff_var_type type)
{
	switch (type) {
	case NEFF_VAR_FILE:
	case NEFF_VAR_INPUT:
		return NEURON_SEG_READ;
	default:
		return NEURON_SEG_READ | NEURON_SEG_WRITE;
	}
}

/* With @trace as one more segment, unless it is NULL. */
static int create_context(const struct neff_node *node, const struct nrt_layout *layout,
			  struct nrt_device *dev, struct nrt_mem *image,
			  const struct nrt_slot_node *s, struct nrt_mem *trace,
			  struct nrt_context **context)
{
	struct nrt_bind binds[NEURON_SEGMENTS];
	uint32_t i;

	binds[0] = (struct nrt_bind) {
		.segment = node->code_segment,
		.access = NEURON_SEG_READ | NEURON_SEG_EXEC,
		.mem = image,
		.length = layout->code_size,
	};
	for (i = 0; i < node->variable_count; i++) {
		const struct neff_variable *v = &node->variables[i];

		binds[i + 1] = (struct nrt_bind) {
			.segment = v->segment,
			.access = access_of(v->type),
			.mem = v->type == NEFF_VAR_FILE ? image : s->data,
			.offset = layout->offset[i],
			.length = v->size,
		};
	}
	if (trace)
		binds[++i] = (struct nrt_bind) {
			.segment = node->segments,
			.access = NEURON_SEG_WRITE,
			.mem = trace,
			.length = trace->size,
		};
	return dev->ops->context_create(dev, node->segments + !!trace, binds, i + 1, context);
}

int nrt_slot_trace(const struct nrt_model *model, const struct nrt_instance *instance,
		   struct nrt_slot *slot, uint32_t index)
{
	const struct neff_node *node = &model->neff->nodes[index];
	const struct nrt_layout *layout = &model->layouts[index];
	struct nrt_device *dev = instance->cores[index]->dev;
	struct nrt_slot_node *s = &slot->nodes[index];
	uint64_t size = sizeof(struct neuron_trace) +
			layout->code_size / NEURON_INSN_SIZE * sizeof(struct neuron_trace_entry);
	int rc;

	if (s->traced)
		return 0;
	if (!dev->can_trace || node->segments >= NEURON_SEGMENTS - 1)
		return -EOPNOTSUPP;
	rc = s->trace ? 0 : nrt_mem_create(dev, NRT_MEM_DEVICE, size, MIN_ALIGNMENT, &s->trace);
	if (!rc)
		rc = create_context(node, layout, dev, instance->images[index], s, s->trace,
				    &s->traced);
	s->trace_segment = node->segments;
	return rc;
}

uint64_t nrt_between_size(const struct neff *neff)
{
	uint64_t size = 0;
	uint32_t i;

	for (i = neff->input_count + neff->output_count; i < neff->tensor_count; i++)
		if (!neff->tensors[i].dynamic)
			size += neff->tensors[i].size;
	return size;
}

static int create_between(const struct neff *neff, struct nrt_slot *slot)
{
	uint32_t first = neff->input_count + neff->output_count, i;

	slot->between = calloc(neff->tensor_count - first + 1, sizeof(*slot->between));
	if (!slot->between)
		return -ENOMEM;
	for (i = first; i < neff->tensor_count; i++) {
		if (neff->tensors[i].dynamic)
			continue;
		slot->between[i - first] = malloc(neff->tensors[i].size ? neff->tensors[i].size : 1);
		if (!slot->between[i - first])
			return -ENOMEM;
	}
	nrt_stats_memory(NRT_MEM_HOST, nrt_between_size(neff));
	slot->counted = true;
	return 0;
}

int nrt_slot_create(const struct nrt_model *model, const struct nrt_instance *instance,
		    struct nrt_slot *slot)
{
	const struct neff *neff = model->neff;
	uint32_t i;
	int rc;

	slot->nodes = calloc(neff->node_count, sizeof(*slot->nodes));
	rc = slot->nodes ? create_between(neff, slot) : -ENOMEM;
	for (i = 0; !rc && i < neff->node_count; i++) {
		const struct nrt_layout *layout = &model->layouts[i];
		struct nrt_device *dev = instance->cores[i]->dev;

		if (neff->nodes[i].model)
			continue;
		if (layout->data_size)
			rc = nrt_mem_create(dev, NRT_MEM_DEVICE, layout->data_size,
					    layout->data_align, &slot->nodes[i].data);
		if (!rc)
			rc = create_context(&neff->nodes[i], layout, dev, instance->images[i],
					    &slot->nodes[i], NULL, &slot->nodes[i].context);
	}
	if (rc)
		nrt_slot_free(model, instance, slot);
	return rc;
}

void nrt_slot_free(const struct nrt_model *model, const struct nrt_instance *instance,
		   struct nrt_slot *slot)
{
	const struct neff *neff = model->neff;
	uint32_t between = neff->tensor_count - neff->input_count - neff->output_count, i;

	for (i = 0; slot->nodes && i < neff->node_count; i++) {
		struct nrt_device *dev = instance->cores[i]->dev;

		if (slot->nodes[i].context)
			dev->ops->context_destroy(dev, slot->nodes[i].context);
		if (slot->nodes[i].traced)
			dev->ops->context_destroy(dev, slot->nodes[i].traced);
		nrt_mem_put(slot->nodes[i].trace);
		nrt_mem_put(slot->nodes[i].data);
	}
	if (slot->counted)
		nrt_stats_memory(NRT_MEM_HOST, -(int64_t)nrt_between_size(neff));
	for (i = 0; slot->between && i < between; i++)
		free(slot->between[i]);
	free(slot->between);
	free(slot->nodes);
	*slot = (struct nrt_slot) { 0 };
}
