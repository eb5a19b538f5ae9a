/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages of a model for several NeuronCores (--neuroncore-pipeline-cores).
 */
#ifndef NCC_PIPELINE_H
#define NCC_PIPELINE_H

struct ncc_context;

/*
 * Cuts phases of the chip into stages, as many as there are cores: nodes' marks, numbers of
 * phases before, are numbers of phases and stages afterwards. Returns how many there are, @most at most.
 */
int ncc_pipeline_cut(struct ncc_context *ctx, int phases, int most);

#endif
