// SPDX-License-Identifier: Apache-2.0
/*
 * Shape inference of operators with a sliding window.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shape.h"

/* Windows are small; the limit keeps sizes far from overflow. */
#define MAX_WINDOW	65535

static int read_list(struct ncc_graph *g, struct ncc_node *node, const char *name, size_t n,
		     int64_t low, int64_t *out)
{
	const struct ncc_attr *a = ncc_attr(node, name);

	if (!a)
		return 0;
	if (a->kind != NCC_ATTR_INTS || a->n != n)
		return ncc_node_error(g->ctx, node, "attribute %s has %zu entries, needs %zu", name, a->n, n);
	for (size_t i = 0; i < n; i++) {
		if (a->ints[i] < low || a->ints[i] > MAX_WINDOW)
			return ncc_node_error(g->ctx, node, "attribute %s: %" PRId64 " is outside of %"
					      PRId64 "..%d", name, a->ints[i], low, MAX_WINDOW);
		out[i] = a->ints[i];
	}
	return 1;
}

/* Pads of one axis that "same" convolutions need. */
static void pad_same(struct ncc_window *w, int d, bool upper)
{
	int64_t extent = (w->kernel[d] - 1) * w->dilation[d] + 1;
	int64_t total;

	w->out[d] = (w->in[d] + w->stride[d] - 1) / w->stride[d];
	total = (w->out[d] - 1) * w->stride[d] + extent - w->in[d];
	if (total < 0)
		total = 0;
	w->pad[d] = upper ? total / 2 : total - total / 2;
	w->pad_end[d] = total - w->pad[d];
}

static int read_pads(struct ncc_graph *g, struct ncc_node *node, size_t n)
{
	const struct ncc_attr *a = ncc_attr(node, "auto_pad");
	const char *kind = a && a->kind == NCC_ATTR_STRING ? a->s : "NOTSET";
	struct ncc_window *w = &node->window;
	int64_t pads[4] = { 0 };

	if (!strcmp(kind, "SAME_UPPER") || !strcmp(kind, "SAME_LOWER")) {
		for (size_t d = 0; d < n; d++)
			pad_same(w, (int)d, !strcmp(kind, "SAME_UPPER"));
		return 0;
	}
	if (!strcmp(kind, "VALID"))
		return 0;
	if (*kind && strcmp(kind, "NOTSET"))
		return ncc_node_error(g->ctx, node, "auto_pad '%s' is unknown", kind);
	if (read_list(g, node, "pads", 2 * n, 0, pads) < 0)
		return -EINVAL;
	for (size_t d = 0; d < n; d++) {
		w->pad[d] = pads[d];
		w->pad_end[d] = pads[n + d];
	}
	return 0;
}

static int window_size(struct ncc_graph *g, struct ncc_node *node, int d)
{
	struct ncc_window *w = &node->window;
	int64_t extent = (w->kernel[d] - 1) * w->dilation[d] + 1;
	int64_t room = w->in[d] + w->pad[d] + w->pad_end[d] - extent;
	bool ceil = ncc_attr_int(node, "ceil_mode", 0) && node->op != NCC_CONV;

	if (room < 0)
		return ncc_node_error(g->ctx, node, "a window of %" PRId64 " does not fit into '%s' %s with "
				      "its padding", extent, node->in[0]->name,
				      ncc_shape_text(g->ctx, node->in[0]));
	w->out[d] = (room + (ceil ? w->stride[d] - 1 : 0)) / w->stride[d] + 1;
	/* A window has to start inside the input or the padding before it. */
	if (ceil && (w->out[d] - 1) * w->stride[d] >= w->in[d] + w->pad[d])
		w->out[d]--;
	return 0;
}

/* Fills node->window but for kernel[]; sets the output's shape with @channels. */
static int window(struct ncc_graph *g, struct ncc_node *node, int64_t channels)
{
	struct ncc_tensor *x = node->in[0];
	struct ncc_window *w = &node->window;
	size_t n = (size_t)x->rank - 2;
	int64_t dim[4] = { x->dim[0], channels };

	for (int d = 0; d < 2; d++)
		w->stride[d] = w->dilation[d] = w->in[d] = w->out[d] = 1;
	for (size_t d = 0; d < n; d++)
		w->in[d] = x->dim[2 + d];
	if (read_list(g, node, "strides", n, 1, w->stride) < 0 ||
	    read_list(g, node, "dilations", n, 1, w->dilation) < 0 || read_pads(g, node, n))
		return -EINVAL;
	for (size_t d = 0; d < n; d++) {
		if (window_size(g, node, (int)d))
			return -EINVAL;
		dim[2 + d] = w->out[d];
	}
	return ncc_tensor_set_shape(g, node, node->out[0], x->rank, dim);
}

static int check_rank(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];

	if (x->rank != 3 && x->rank != 4)
		return ncc_refuse(g->ctx, node, "input '%s' %s must be [N,C,L] or [N,C,H,W]: one or two "
				      "spatial dimensions are supported", x->name,
				      ncc_shape_text(g->ctx, x));
	return 0;
}

int ncc_shape_conv(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *k = node->in[1];
	int64_t listed[2] = { 1, 1 };
	size_t n;
	int has;

	if (check_rank(g, node))
		return -EINVAL;
	n = (size_t)x->rank - 2;
	node->group = ncc_attr_int(node, "group", 1);
	if (k->rank != x->rank || node->group < 1 || x->dim[1] != k->dim[1] * node->group ||
	    k->dim[0] % node->group || !k->dim[0])
		return ncc_node_error(g->ctx, node, "weights '%s' %s do not fit input '%s' %s with group %"
				      PRId64, k->name, ncc_shape_text(g->ctx, k), x->name,
				      ncc_shape_text(g->ctx, x), node->group);
	node->window.kernel[0] = node->window.kernel[1] = 1;
	for (size_t d = 0; d < n; d++)
		node->window.kernel[d] = k->dim[2 + d];
	has = read_list(g, node, "kernel_shape", n, 1, listed);
	if (has < 0)
		return -EINVAL;
	for (size_t d = 0; d < n; d++)
		if ((has && listed[d] != k->dim[2 + d]) || k->dim[2 + d] < 1 ||
		    k->dim[2 + d] > MAX_WINDOW)
			return ncc_node_error(g->ctx, node, "kernel_shape and weights '%s' %s differ, or the "
					      "kernel is too large", k->name, ncc_shape_text(g->ctx, k));
	if (node->nin > 2 && node->in[2] && node->in[2]->count != k->dim[0])
		return ncc_node_error(g->ctx, node, "bias '%s' %s does not fit the %" PRId64 " output "
				      "channels", node->in[2]->name, ncc_shape_text(g->ctx, node->in[2]),
				      k->dim[0]);
	return window(g, node, k->dim[0]);
}

int ncc_shape_pool(struct ncc_graph *g, struct ncc_node *node)
{
	size_t n;

	if (check_rank(g, node))
		return -EINVAL;
	n = (size_t)node->in[0]->rank - 2;
	node->window.kernel[0] = node->window.kernel[1] = 1;
	if (read_list(g, node, "kernel_shape", n, 1, node->window.kernel) != 1)
		return ncc_node_error(g->ctx, node, "attribute kernel_shape is missing or wrong");
	if (ncc_attr_int(node, "storage_order", 0))
		return ncc_refuse(g->ctx, node, "storage_order 1 is not supported");
	node->count_pad = ncc_attr_int(node, "count_include_pad", 0);
	return window(g, node, node->in[0]->dim[1]);
}

int ncc_shape_global_pool(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0];
	int64_t dim[NCC_MAX_RANK];

	if (x->rank < 3)
		return ncc_node_error(g->ctx, node, "input '%s' %s has no spatial dimensions", x->name,
				      ncc_shape_text(g->ctx, x));
	for (int d = 0; d < x->rank; d++)
		dim[d] = d < 2 ? x->dim[d] : 1;
	return ncc_tensor_set_shape(g, node, node->out[0], x->rank, dim);
}

/* Output size and pads of one axis of ConvTranspose; @extra: output_padding; @size: wanted, or 0. */
static int transposed_size(struct ncc_graph *g, struct ncc_node *node, int d, int64_t extra,
			   int64_t size, bool same)
{
	struct ncc_window *w = &node->window;
	int64_t full = w->stride[d] * (w->in[d] - 1) + extra + (w->kernel[d] - 1) * w->dilation[d] + 1;
	const struct ncc_attr *a = ncc_attr(node, "auto_pad");
	bool upper = a && a->kind == NCC_ATTR_STRING && !strcmp(a->s, "SAME_UPPER");

	if (same && !size)
		size = w->in[d] * w->stride[d];
	if (size) {
		int64_t total = full - size > 0 ? full - size : 0;

		w->pad[d] = upper ? total / 2 : total - total / 2;
		w->pad_end[d] = total - w->pad[d];
		w->out[d] = size;
	} else {
		w->out[d] = full - w->pad[d] - w->pad_end[d];
	}
	if (w->out[d] < 1)
		return ncc_node_error(g->ctx, node, "axis %d of the result would have size %" PRId64, 2 + d,
				      w->out[d]);
	return 0;
}

int ncc_shape_conv_transpose(struct ncc_graph *g, struct ncc_node *node)
{
	struct ncc_tensor *x = node->in[0], *k = node->in[1];
	const struct ncc_attr *a = ncc_attr(node, "auto_pad");
	bool same = a && a->kind == NCC_ATTR_STRING && !strncmp(a->s, "SAME", 4);
	struct ncc_window *w = &node->window;
	int64_t pads[4] = { 0 }, extra[2] = { 0 }, size[2] = { 0 }, dim[4];
	size_t n;

	if (check_rank(g, node))
		return -EINVAL;
	n = (size_t)x->rank - 2;
	node->group = ncc_attr_int(node, "group", 1);
	if (k->rank != x->rank || node->group < 1 || x->dim[1] != k->dim[0] ||
	    x->dim[1] % node->group || !k->dim[1])
		return ncc_node_error(g->ctx, node, "weights '%s' %s do not fit input '%s' %s with group %"
				      PRId64, k->name, ncc_shape_text(g->ctx, k), x->name,
				      ncc_shape_text(g->ctx, x), node->group);
	for (int d = 0; d < 2; d++)
		w->kernel[d] = w->stride[d] = w->dilation[d] = w->in[d] = w->out[d] = 1;
	for (size_t d = 0; d < n; d++) {
		w->kernel[d] = k->dim[2 + d];
		w->in[d] = x->dim[2 + d];
	}
	if (read_list(g, node, "strides", n, 1, w->stride) < 0 ||
	    read_list(g, node, "dilations", n, 1, w->dilation) < 0 ||
	    read_list(g, node, "pads", 2 * n, 0, pads) < 0 ||
	    read_list(g, node, "output_padding", n, 0, extra) < 0 ||
	    read_list(g, node, "output_shape", n, 1, size) < 0)
		return -EINVAL;
	dim[0] = x->dim[0];
	dim[1] = k->dim[1] * node->group;
	for (size_t d = 0; d < n; d++) {
		w->pad[d] = pads[d];
		w->pad_end[d] = pads[n + d];
		if (transposed_size(g, node, (int)d, extra[d], size[d], same))
			return -EINVAL;
		dim[2 + d] = w->out[d];
	}
	return ncc_tensor_set_shape(g, node, node->out[0], x->rank, dim);
}
