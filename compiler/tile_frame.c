// SPDX-License-Identifier: Apache-2.0
/*
 * Frames: zeros around each image of a value that only one convolution of single channels reads. Then all
 * of its results have the same taps, and one instruction makes those of a bank. The zeros right of a row
 * are those left of the next one.
 *
 * A framed copy looks like one in a layout with larger images, which nobody else asks for.
 */
#include "tile.h"

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Zeros before the first and behind the last position of axis @d, the same number of them. */
static int64_t border(const struct ncc_window *w, int d)
{
	int64_t end = (w->out[d] - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] - w->pad[d];

	return larger(w->pad[d], end - (w->in[d] - 1));
}

bool ncc_frame_init(struct ncc_frame *f, const struct ncc_node *depthwise)
{
	const struct ncc_window *w = &depthwise->window;
	int64_t side = larger(border(w, 1), 0), edge = larger(border(w, 0), 0);

	f->layout = ncc_channel_layout(depthwise->in[0]);
	f->rows = w->in[0];
	f->pitch = w->in[1] + side;
	f->first = edge * f->pitch + side;
	f->layout.i = f->rows * f->pitch + 2 * edge * f->pitch + side;
	f->side = side;
	return side || edge;
}

/* How often nodes read @v. */
static int64_t count_uses(const struct ncc_graph *g, const struct ncc_value *v, const struct ncc_node **user)
{
	int64_t uses = 0;

	for (size_t i = 0; i < g->nnode; i++) {
		const struct ncc_node *node = g->node[i];
		int64_t before = uses;

		for (size_t k = 0; k < node->nin; k++)
			uses += node->in[k] && node->in[k]->value == v;
		uses += node->residual && node->residual->value == v;
		uses += node->bias && node->bias->value == v;
		if (uses != before)
			*user = node;
	}
	return uses;
}

bool ncc_frame_wanted(const struct ncc_lower *L, const struct ncc_tensor *t, struct ncc_frame *f)
{
	const struct ncc_value *v = t->value;
	const struct ncc_node *user = NULL;

	if (v->kind != NCC_VALUE_TEMP || v->stream || v->dtype != L->half ||
	    count_uses(L->ctx->graph, v, &user) != 1)
		return false;
	return user->in[0] == t && ncc_is_depthwise(L, user) && ncc_frame_init(f, user) &&
	       ncc_layout_bytes(&f->layout, v->dtype) <= NCC_WHOLE_LIMIT;
}

int ncc_frame_begin(struct ncc_lower *L, struct ncc_value *v, const struct ncc_frame *f, struct ncc_result *res)
{
	const struct ncc_layout *l = &f->layout;
	unsigned int parts = (unsigned int)ncc_chunk_size(l, 0);
	int64_t images = ncc_chunks(l) * l->o, rows = f->rows - 1;
	struct ncc_at at;
	int err;

	*res = (struct ncc_result){ .value = v, .layout = *l };
	res->buf = ncc_buf_new(L->b.p, L->b.node, false, (uint32_t)ncc_layout_bytes(l, v->dtype));
	L->b.p->buf[res->buf].value = v;
	at = (struct ncc_at){ .buf = res->buf, .dtype = v->dtype };
	err = ncc_memset(&L->b, 0, parts, at, (struct ncc_loop[]){
				{ images, { l->i } }, { 2, { l->i - f->first } }, { f->first, { 1 } },
			 }, 3);
	if (err || !f->side || !rows)
		return err;
	at.off = (uint32_t)((f->first + f->pitch - f->side) * ncc_dtype_size(at.dtype));
	return ncc_memset(&L->b, 0, parts, at, (struct ncc_loop[]){
				{ images, { l->i } }, { rows, { f->pitch } }, { f->side, { 1 } },
			  }, 3);
}
