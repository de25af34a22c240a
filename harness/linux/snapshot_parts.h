// SPDX-License-Identifier: GPL-2.0-only
/* Of snapshot.bpf.c: compound pages, once it is known which there are. */
#ifndef HARNESS_LINUX_SNAPSHOT_PARTS_H
#define HARNESS_LINUX_SNAPSHOT_PARTS_H

static long each_part(uint32_t i, void *unused)
{
    struct raw_compound *c = &raw.compound[i / RAW_PARTS & (RAW_COMPOUNDS - 1)];
    const uint64_t frame = c->frame + i % RAW_PARTS, page = page_at(frame);
    struct raw_part *p = &c->part[i % RAW_PARTS];

    p->mapcount = (uint32_t)FIELD(page, folio, _mapcount) + 1;
    p->exclusive = FLAG(word(page), anon_exclusive, 1);
    p->stamp = word(request.direct_map + (frame << PAGE_SHIFT));
    return 0;
}

static long each_compound(uint32_t i, void *unused)
{
    struct raw_compound *c = &raw.compound[i & (RAW_COMPOUNDS - 1)];
    const uint64_t head = page_at(c->frame);

    c->entire_mapcount = c->pins = 0;
    if (bpf_core_field_exists(struct folio, _entire_mapcount))
        c->entire_mapcount = (uint32_t)FIELD(head, folio, _entire_mapcount) + 1;
    if (bpf_core_field_exists(struct folio, _pincount))
        c->pins = (uint32_t)FIELD(head, folio, _pincount);
    c->refcount = (uint32_t)FIELD(head, folio, _refcount);
    return 0;
}

SEC("syscall")
int parts(void *ctx)
{
    bpf_loop(raw.nr_compounds, each_compound, NULL, 0);
    bpf_loop(raw.nr_compounds * RAW_PARTS, each_part, NULL, 0);
    return 0;
}

#endif
