/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A state as a drawing: the address spaces, the frames and swap slots behind them, the anonymous
 * reverse map, and what is different from the state before. It is made from snapshots alone, so
 * that any subject can be drawn.
 */
#ifndef HARNESS_DRAW_H
#define HARNESS_DRAW_H

#include "oracles/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drawing {
    const struct snapshot *after;  /* what is drawn */
    const struct snapshot *before; /* what it is compared with; NULL: with nothing */
    const char *title;             /* any bytes, as all text here */
    const char *operation;         /* what led from before to after; NULL: nothing did */
    const char *law;               /* the law that is broken, in a sentence; NULL: none */
    uint32_t actor;                /* process that made the call */
    uint32_t broken_proc;          /* law: where it is broken */
    uint64_t broken_page;
    bool dot_optional; /* without Graphviz: a remark in the place of the graph, and no error */
};
/* *svg: an <svg> element without XML declaration, for free(). The same drawing gives the same bytes
 * with the same Graphviz. 0, with message empty or, if dot is optional, what was wrong with it; or
 * -errno with one line in message. */
int draw_svg(const struct drawing *d, char **svg, char *message, size_t size);

#endif
