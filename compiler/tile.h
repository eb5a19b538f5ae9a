/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering of nodes to instructions on tiles.
 *
 * A tensor's data are at home in DRAM, or in SBUF as copies in some layout, or both. A
 * node asks for its operands in the layout that it wants and says in which layout it
 * leaves its result: where they agree, nothing moves. Values too large for that pass
 * through DRAM, tile by tile.
 */
#ifndef NCC_TILE_H
#define NCC_TILE_H

#include "build.h"
#include "convert.h"
#include "graph.h"
#include "program.h"

/* Tests build the compiler with smaller limits, so that small models take the paths of large ones. */
#ifndef NCC_WHOLE_LIMIT
/* Bytes a partition that a value may occupy as a whole. */
#define NCC_WHOLE_LIMIT		(32 * 1024)
/* Bytes a partition of one tile of a value that does not. */
#define NCC_TILE_LIMIT		(8 * 1024)
/* Bytes a partition of weights that are loaded at once; that stay for all of a node. */
#define NCC_PIECE_LIMIT		(16 * 1024)
#define NCC_KEEP_LIMIT		(24 * 1024)
/* Elements of an input that is worth converting before it is used. */
#define NCC_NARROW_COUNT	16384
#endif

/* Bytes a partition of PSUM that one temporary tile may have. */
#define NCC_PSUM_LIMIT		(4 * 1024)

/* Part of a layout: ranges of o and i, and of a inside one chunk. */
struct ncc_region {
	int64_t o0, on;
	int64_t a0, an;
	int64_t i0, in;
};

/* Where a region is in SBUF: element (o, a, i) of it at partition a, o * step_o + i * step_i. */
struct ncc_tile {
	struct ncc_at at;
	int64_t step_o, step_i;
};

struct ncc_lower {
	struct ncc_context *ctx;
	struct ncc_build b;
	uint8_t half;
};

static inline int64_t ncc_chunks(const struct ncc_layout *l)
{
	return (l->a + NEURON_PARTITIONS - 1) / NEURON_PARTITIONS;
}

/* Partitions of chunk @c. */
static inline int64_t ncc_chunk_size(const struct ncc_layout *l, int64_t c)
{
	int64_t left = l->a - c * NEURON_PARTITIONS;

	return left < NEURON_PARTITIONS ? left : NEURON_PARTITIONS;
}

static inline struct ncc_region ncc_chunk_region(const struct ncc_layout *l, int64_t c)
{
	return (struct ncc_region){
		.o0 = 0, .on = l->o, .a0 = c * NEURON_PARTITIONS, .an = ncc_chunk_size(l, c),
		.i0 = 0, .in = l->i,
	};
}

bool ncc_same_layout(const struct ncc_layout *a, const struct ncc_layout *b);
/* Bytes a partition of a whole value. */
int64_t ncc_layout_bytes(const struct ncc_layout *l, uint8_t dtype);
/* Copy of @v in @l and @dtype (0: any type), if there is one in SBUF. */
struct ncc_copy *ncc_find_copy(const struct ncc_value *v, const struct ncc_layout *l,
			       uint8_t dtype);
/* May it stay in SBUF as a whole? */
bool ncc_fits_whole(const struct ncc_value *v, const struct ncc_layout *l, uint8_t dtype);

/* Give a value a home in DRAM. The caller fills it and sets @v->stored. */
void ncc_place_value(struct ncc_lower *L, struct ncc_value *v);
/* Say that @buf holds @v. */
void ncc_add_copy(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l,
		  uint8_t dtype, int buf);
/* Does nothing on the device write it? */
bool ncc_never_written(const struct ncc_value *v);
/*
 * Where in DRAM @v is, and in which type: constants in @dtype, others in their own. Moves
 * it there first if it is only in SBUF.
 */
int ncc_source(struct ncc_lower *L, struct ncc_value *v, uint8_t dtype, uint8_t *segment,
	       uint64_t *off, uint8_t *type);
/* Make sure that the home in DRAM has the data. */
int ncc_home(struct ncc_lower *L, struct ncc_value *v);
/*
 * Brings a value into SBUF as a whole, in @dtype, where it fits: ncc_load() is then free.
 * @dtype 0: the type that the value has.
 */
int ncc_want(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l, uint8_t dtype);
/*
 * If a copy of @v can become one in @l by transposing tiles on the chip: does that, and sets *@made to the new copy.
 */
int ncc_relayout(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l,
		 struct ncc_copy **made);
/*
 * As ncc_source(), but an fp32 that is large and read several times is converted to @dtype first, in DRAM.
 */
int ncc_narrow(struct ncc_lower *L, struct ncc_value *v, uint8_t dtype, uint8_t *segment,
	       uint64_t *off, uint8_t *type);
/* 64 bytes of zeros in DRAM. */
struct ncc_side ncc_zeros(struct ncc_lower *L);
/* A region of @v in SBUF: part of a copy, or loaded for the purpose. */
int ncc_load(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l, uint8_t dtype,
	     const struct ncc_region *r, struct ncc_tile *t);

/* A result: begin, then for each region tile (where to write) and put (written), then end. */
struct ncc_result {
	struct ncc_value *value;
	struct ncc_layout layout;
	int buf;	/* the whole of it, or -1 */
};

int ncc_result_begin(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l,
		     struct ncc_result *res);
int ncc_result_tile(struct ncc_lower *L, struct ncc_result *res, const struct ncc_region *r,
		    struct ncc_tile *t);
int ncc_result_put(struct ncc_lower *L, struct ncc_result *res, const struct ncc_region *r,
		   const struct ncc_tile *t);
int ncc_result_end(struct ncc_lower *L, struct ncc_result *res);

/*
 * Zeros around each image: element (row, column) is at @first + row * @pitch + column, and what is before or
 * behind it in a row or in a column is 0 as far as a window reaches. @side of them are between two rows.
 */
struct ncc_frame {
	struct ncc_layout layout;	/* with the zeros as if they were elements */
	int64_t rows, pitch, first, side;
};

/* The frame that @depthwise wants around its input; false: none. */
bool ncc_frame_init(struct ncc_frame *f, const struct ncc_node *depthwise);
/* Should @t, which is about to be computed, have a frame? */
bool ncc_frame_wanted(const struct ncc_lower *L, const struct ncc_tensor *t, struct ncc_frame *f);
/* ncc_result_begin() of a value with a frame, which is written. Regions of the result are those of its layout. */
int ncc_frame_begin(struct ncc_lower *L, struct ncc_value *v, const struct ncc_frame *f, struct ncc_result *res);

/* Copy between a region's place in DRAM (segment, off: of the whole) and a tile. */
int ncc_region_dma(struct ncc_lower *L, uint8_t segment, uint64_t off, uint8_t dtype,
		   const struct ncc_layout *l, const struct ncc_region *r,
		   const struct ncc_tile *t, bool store, bool load);

/*
 * Output positions @out .. of a window's axis that keep the same taps: @first is the input position of the
 * first tap of the first one, @skip the taps before it, @taps those that meet the input, @counted those
 * that meet the input or its padding.
 */
struct ncc_class {
	int64_t out, n;
	int64_t first, skip, taps, counted;
};

struct ncc_classes {
	struct ncc_class *class;
	size_t n;
};

struct ncc_classes ncc_window_classes(struct ncc_lower *L, const struct ncc_window *w, int d);

/* Output positions first .. last - 1 of [from, to) at which tap @k of axis @d meets the input. */
void ncc_window_valid(const struct ncc_window *w, int d, int64_t k, int64_t from, int64_t to,
		      int64_t *first, int64_t *last);
/* Is a convolution worth folding? Then @w and @in become those of what is left. */
bool ncc_fold_window(const struct ncc_node *node, struct ncc_window *w, struct ncc_layout *in);
/* The folded input of a strip: [kernel row, channel][image][output row][column]. */
int ncc_fold_load(struct ncc_lower *L, const struct ncc_node *node, const struct ncc_window *folded,
		  const struct ncc_region *strip, struct ncc_tile *t);

/* Can @v wait in DRAM as an image of SBUF in layout @l? */
bool ncc_can_image(const struct ncc_value *v, const struct ncc_layout *l);
void ncc_place_image(struct ncc_lower *L, struct ncc_value *v, const struct ncc_layout *l);
/* Copy between a region of the image, in one chunk, and a tile. */
int ncc_image_dma(struct ncc_lower *L, const struct ncc_value *v, const struct ncc_region *r,
		  const struct ncc_tile *t, bool store);
/* @n partitions from @from_a on of one image to those from @to_a on of another, of as many o and i. */
int ncc_image_copy(struct ncc_lower *L, const struct ncc_value *from, int64_t from_a,
		   const struct ncc_value *to, int64_t to_a, int64_t n);
/* From the image to the home in DRAM. */
int ncc_image_home(struct ncc_lower *L, struct ncc_value *v);

/* A temporary tile of its own with [o][i] elements a partition. */
struct ncc_tile ncc_temp(struct ncc_lower *L, int64_t o, int64_t i, uint8_t dtype);
/* The same in PSUM where it fits well, for fp32: that is the type that PSUM has. */
struct ncc_tile ncc_temp_fp32(struct ncc_lower *L, int64_t o, int64_t i);
struct ncc_at ncc_at_element(const struct ncc_tile *t, int64_t o, int64_t i);

/* The layout with the batch (axis 0) outside, the channels (axis 1) on the partitions. */
struct ncc_layout ncc_channel_layout(const struct ncc_tensor *t);

/* Lowering of one node each. */
int ncc_tile_linear(struct ncc_lower *L, struct ncc_node *node);	/* Conv, LINEAR */
/* A convolution of each channel by itself, which multiplies on POOL instead of the array. */
bool ncc_is_depthwise(const struct ncc_lower *L, const struct ncc_node *node);
int ncc_tile_depthwise(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_matmul(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_pool(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_global_pool(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_unary(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_binary(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_where(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_affine(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_softmax(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_transpose(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_concat(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_pieces(struct ncc_lower *L, struct ncc_node *node);	/* MOVE */
int ncc_tile_reduce(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_norm(struct ncc_lower *L, struct ncc_node *node);
int ncc_tile_copy(struct ncc_lower *L, struct ncc_node *node);

#endif
