/* SPDX-License-Identifier: GPL-2.0-only */
/* The clauses of laws in words, where a verdict's text does not say them. */
#include "oracles/oracles.h"

#include <string.h>

static const struct {
    const char *site, *sentence;
} sites[] = {
    /* VMAs */
    {"access-beyond-may", "a kind of access is allowed that its may-flag forbids"},
    {"account-flags", "shared, noreserve or hugetlb memory is not charged"},
    {"advice-both", "sequential and random exclude each other"},
    {"anonymous-pgoff", "until it has a page of its own, private memory has its address as offset"},
    {"dead-context", "its userfault context is freed"},
    {"dead-file", "its file is freed"},
    {"device-flags", "device memory has io and pfnmap, other memory has neither"},
    {"device-without-file", "only a file can be device memory or hugetlb"},
    {"faulted-shared", "memory that is shared or of a device has no anon_vma"},
    {"foreign-context", "its userfault context is of another process"},
    {"growing-file", "no mapping of a file grows"},
    {"huge-alignment", "a hugetlb mapping begins and ends at huge pages"},
    {"huge-flags", "hugetlb files have hugetlb and dontexpand, others have no hugetlb"},
    {"hugepage-both", "hugepage and nohugepage exclude each other"},
    {"locked-special", "special memory and hugetlb are not locked"},
    {"onfault-without-locked", "locked on fault is locked as well"},
    {"ops", "its operations are not those of what it maps"},
    {"page-prot", "vm_page_prot is not what vm_flags say"},
    {"pgoff-wraps", "its offsets go beyond the largest one"},
    {"released-context", "its userfault context is closed"},
    {"shared-without-file", "shared memory has a file behind it"},
    {"shared-without-mayshare", "what is shared may be shared"},
    {"uffd-flags", "a userfault mode and a context come together"},
    {"unmappable-file", "such a file cannot be mapped"},
    {"wipe-file", "only private memory without a file is wiped on fork"},
    /* their tree and list */
    {"dead-node", "a link leads to something that is freed"},
    {"depth", "the tree is deeper than it can be, or has a loop"},
    {"empty", "its end is not above its start"},
    {"limits", "it is not inside the limits"},
    {"overlap", "it begins before its predecessor ends"},
    {"parent-link", "a node's parent link does not lead to its parent"},
    {"red-red", "a red node has a red child"},
    {"root-parent", "the root has a parent"},
    {"root-red", "the root is red"},
    {"shared-child", "both links of a node lead to the same child"},
    {"unaligned", "it does not begin and end at pages"},
    {"foreign-vma", "it is of another process"},
    {"unlinked-vma", "it is not in the tree"},
    /* anon_vmas */
    {"chains-without-anon-vma", "it has chains, but no anon_vma"},
    {"dead-anon-vma", "the anon_vma is freed"},
    {"dead-vma", "a VMA is freed that is still linked"},
    {"linked-twice", "the same is linked twice"},
    {"not-in-tree", "a chain is not in the tree of its anon_vma"},
    {"own-not-in-list", "no chain leads to the VMA's own anon_vma"},
    {"parent-of-root", "a root, and nothing else, is its own parent"},
    {"root-not-last", "the root, and nothing else, is the last in the list of chains"},
    {"two-roots", "the anon_vmas of one VMA have different roots"},
    /* page-table entries */
    {"bits", "such a combination of bits makes no sense"},
    {"huge-of-file", "only private memory without a file has huge entries"},
    {"huge-outside", "a huge entry reaches beyond its VMA"},
    {"migration", "an entry of a page on its way is left after the call"},
    {"no-memory", "such a VMA has no entries"},
    {"outside", "no VMA is there"},
    {"swap-unfaulted", "a swap entry in a VMA that has no anon_vma"},
    {"unmergeable", "a KSM page in a VMA that is not mergeable"},
    {"writable", "the entry can be written, the VMA cannot"},
    {"writable-file-page", "a private mapping can write a page of the file itself"},
    {"writable-ksm", "a KSM page can be written"},
    {"writable-zeroes", "the page of zeroes can be written"},
    {"zeroes-of-file", "the page of zeroes, where a file or shared memory is mapped"},
    /* pages and the reverse map */
    {"family", "page and VMA are of different families of anon_vmas"},
    {"found-too-much", "the reverse map leads to an entry that does not map the page"},
    {"index", "the page's offset is not that of the place where it is mapped"},
    {"missed", "the reverse map does not lead to an entry that maps the page"},
    {"swapped-missed", "the reverse map does not lead to an entry of a slot that the page is in"},
    {"no-item", "no item of the KSM page leads to this entry"},
    {"no-mapping", "the page belongs to no anon_vma and no file"},
    {"node-denies", "the page's KSM node is another page's"},
    {"unfaulted", "an anonymous page in a VMA that has no anon_vma"},
    {"exclusive-file-page", "a page of a file is never exclusive"},
    {"exclusive-ksm", "a KSM page is never exclusive"},
    {"exclusive-rules", "under these rules no page is exclusive"},
    {"exclusive-shared", "an exclusive page is mapped more than once, or in swap elsewhere too"},
    {"pinned-shared", "a pinned page is not exclusive, so that a write would copy it"},
    {"shared-writable", "a page that others map too, or that is not exclusive, can be written"},
    {"swap-shared", "an exclusive swap entry is not the only user of its slot"},
    {"dead-slot", "the swap slot is freed"},
    {"slot-denies", "the swap slot has another page, or none"},
};

const char *site_sentence(const char *site)
{
    for (size_t i = 0; site && i < sizeof(sites) / sizeof(*sites); i++)
        if (!strcmp(sites[i].site, site))
            return sites[i].sentence;
    return "";
}
