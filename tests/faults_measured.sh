#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# faults_measured.sh VMAFUZZ: random programs find some faults of different families quickly.
exec "$1" faults measure --seeds 2 --ops 200000 gap-stale-on-insert mprotect-hole-ok \
     list-prev-stale munmap-keeps-tail data-vm-kept name-leak page-prot-stale highest-end-stale \
     anon-key-stale anon-freed-early avc-clone-order anon-vma-endless-growth merge-forked-chain
