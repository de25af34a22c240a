/* SPDX-License-Identifier: GPL-2.0-only */
/* The catalogue of faults as a table, and the counter that every switched-on site goes through. */
#include "model/internal.h"

const struct fault_info fault_table[NR_FAULTS] = {
    [F_NONE] = {"", 0, "", "", "", ""},
#define FAULT(id, number, name, commit, cve, title, laws)                                          \
    [F_##id] = {name, number, commit, cve, title, laws},
#include "model/faults.def"
#undef FAULT
};

#ifndef VMAFUZZ_NO_FAULTS
bool fault_hit(struct world *world, bool differs)
{
    world->fault_reached++;
    world->fault_triggered += differs;
    return true;
}
#endif
