/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this machine offers to a run against its kernel. Each is tried in the cheapest way that
 * tells for sure; nothing is changed.
 */
#define _GNU_SOURCE
#include "harness/linux/huge.h"
#include "harness/linux/linux.h"
#include "harness/linux/reader.h"
#include "harness/linux/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* One line: why not, and what would help. */
static void lacks(struct linux_offer *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void lacks(struct linux_offer *o, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(o->why, sizeof(o->why), format, args);
    va_end(args);
    o->available = false;
}

static bool there(const char *path)
{
    return !access(path, F_OK);
}

static bool is_root(void)
{
    return geteuid() == 0;
}

/* ---- rights and pictures ---- */
static void ask_root(struct linux_offer *o)
{
    if (!is_root())
        lacks(o, "not root: run it with sudo");
}

static void ask_btf(struct linux_offer *o)
{
    if (!there("/sys/kernel/btf/vmlinux"))
        lacks(o, "no /sys/kernel/btf/vmlinux: it needs a kernel with CONFIG_DEBUG_INFO_BTF");
}

static void ask_bpf(struct linux_offer *o)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY,
        .key_size = 4,
        .value_size = 4,
        .max_entries = 1,
        .map_flags = BPF_F_MMAPABLE,
    };
    const long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

    if (fd >= 0)
        close((int)fd);
    else if (errno == ENOSYS)
        lacks(o, "the kernel has no bpf(2): it needs CONFIG_BPF_SYSCALL");
    else
        lacks(o, "bpf(2): %s: it needs root, and a container that allows it", strerror(errno));
}

static void ask_reader(struct linux_offer *o, enum linux_reader_kind kind)
{
    char why[sizeof(o->why)] = "";
    struct linux_reader *r = reader_new(kind, why, sizeof(why));

    if (r)
        reader_free(r);
    else
        lacks(o, "%s", why);
}

static void ask_bpf_picture(struct linux_offer *o)
{
    ask_reader(o, READER_BPF);
}

static void ask_proc_picture(struct linux_offer *o)
{
    ask_reader(o, READER_PROCFS);
}

static void ask_kpagecount(struct linux_offer *o)
{
    const int fd = open("/proc/kpagecount", O_RDONLY | O_CLOEXEC);
    const int error = errno;

    if (fd >= 0)
        close(fd);
    else
        lacks(o, "/proc/kpagecount: %s: it needs %s", strerror(error),
              error == ENOENT ? "a kernel with CONFIG_PROC_PAGE_MONITOR" : "root");
}

/* ---- what makes the kernel use its reverse map ---- */
static bool swap_possible(struct linux_offer *o)
{
    if (!there("/proc/swaps"))
        lacks(o, "the kernel has no swap: it needs CONFIG_SWAP");
    else if (!is_root())
        lacks(o, "swapon needs root");
    else
        return true;
    return false;
}

static void ask_zram(struct linux_offer *o)
{
    if (swap_possible(o) && !there("/sys/class/zram-control") && !there("/sys/block/zram0"))
        lacks(o, "no zram device: modprobe zram, or a kernel with CONFIG_ZRAM");
}

#define MAGIC_TMPFS 0x01021994
#define MAGIC_RAMFS 0x858458f6
#define MAGIC_OVERLAY 0x794c7630
static void ask_swap_file(struct linux_offer *o)
{
    struct statfs fs;

    if (!swap_possible(o))
        return;
    if (statfs("/var/tmp", &fs))
        lacks(o, "/var/tmp: %s", strerror(errno));
    else if (fs.f_type == MAGIC_TMPFS || fs.f_type == MAGIC_RAMFS || fs.f_type == MAGIC_OVERLAY)
        lacks(o, "/var/tmp is on a file system that cannot have a swap file: use zram");
    else if (fs.f_bavail * (uint64_t)fs.f_bsize < UINT64_C(64) << 20)
        lacks(o, "/var/tmp has less than 64 MiB free: make room, or use zram");
}

static void ask_memory_cgroup(struct linux_offer *o)
{
    const bool v1 = there("/sys/fs/cgroup/memory/memory.force_empty") ||
                    there("/sys/fs/cgroup/memory/cgroup.procs");
    char controllers[512];

    linux_get_text("/sys/fs/cgroup/cgroup.controllers", controllers, sizeof(controllers));
    if (!v1 && !strstr(controllers, "memory"))
        lacks(o, "no memory cgroup is mounted: mount -t cgroup2 none /sys/fs/cgroup");
    else if (!v1 && !linux_is_since(5, 19))
        lacks(o, "memory.reclaim is missing: it needs Linux 5.19, or cgroups of version 1");
    else if (access(v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup", W_OK))
        lacks(o, "/sys/fs/cgroup: %s: it needs root", strerror(errno));
}

static void ask_compaction(struct linux_offer *o)
{
    if (!there("/proc/sys/vm/compact_memory"))
        lacks(o, "the kernel cannot be asked: it needs CONFIG_COMPACTION");
    else if (access("/proc/sys/vm/compact_memory", W_OK))
        lacks(o, "/proc/sys/vm/compact_memory: %s: it needs root", strerror(errno));
}

static void ask_ksm(struct linux_offer *o)
{
    if (!there("/sys/kernel/mm/ksm/run"))
        lacks(o, "the kernel does not merge pages: it needs CONFIG_KSM");
    else if (access("/sys/kernel/mm/ksm/run", W_OK))
        lacks(o, "/sys/kernel/mm/ksm/run: %s: it needs root", strerror(errno));
}

static void ask_huge(struct linux_offer *o)
{
    const char *why = linux_refuses_huge();

    if (why)
        lacks(o, "%s", why);
}

/* ---- calls that a kernel may be built without ---- */
static void ask_policies(struct linux_offer *o)
{
    if (!syscall(SYS_mbind, 0UL, 0UL, 0, NULL, 0UL, 0))
        return;
    if (errno == ENOSYS)
        lacks(o, "mbind(2) is missing: it needs CONFIG_NUMA");
    else
        lacks(o, "mbind(2): %s: it needs a container that allows it", strerror(errno));
}

static void ask_userfaults(struct linux_offer *o)
{
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

    if (fd < 0 && errno == EINVAL)
        fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd < 0 && errno == ENOSYS)
        lacks(o, "userfaultfd(2) is missing: it needs CONFIG_USERFAULTFD");
    else if (fd < 0)
        lacks(o, "userfaultfd(2): %s: it needs root, and a container that allows it",
              strerror(errno));
    else if (ioctl(fd, UFFDIO_API, &api))
        lacks(o, "no UFFD_FEATURE_SIGBUS: it needs Linux 4.14");
    else if (!(api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
        lacks(o, "write protection is missing: only missing pages can be registered");
    if (fd >= 0)
        close(fd);
}

/* ---- commands ---- */
static bool has_command(const char *name)
{
    const char *path = getenv("PATH");
    char file[512];

    for (path = path ? path : "/usr/bin:/bin"; *path;) {
        const size_t n = strcspn(path, ":");

        if ((size_t)snprintf(file, sizeof(file), "%.*s/%s", (int)n, path, name) < sizeof(file) &&
            !access(file, X_OK))
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

static void ask_qemu(struct linux_offer *o)
{
    if (!has_command("qemu-system-x86_64"))
        lacks(o, "no qemu-system-x86_64 in PATH: apt-get install qemu-system-x86");
}

/* That it can be opened says little: it must be of the version that QEMU speaks, and give a
 * machine, which where there is no processor for it fails only then. */
static void ask_kvm(struct linux_offer *o)
{
    const int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int machine;

    if (fd < 0 && errno == ENOENT) {
        lacks(o, "no /dev/kvm: a guest is emulated, which is slow; modprobe kvm_intel or kvm_amd");
    } else if (fd < 0) {
        lacks(o, "/dev/kvm: %s: a guest is emulated, which is slow; join the group kvm",
              strerror(errno));
    } else if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        lacks(o, "/dev/kvm does not answer as KVM: a guest is emulated, which is slow");
    } else if ((machine = ioctl(fd, KVM_CREATE_VM, 0)) < 0) {
        lacks(o, "/dev/kvm makes no machine: %s: a guest is emulated, which is slow",
              strerror(errno));
    } else {
        close(machine);
    }
    if (fd >= 0)
        close(fd);
}

static void ask_compiler(struct linux_offer *o)
{
    if (!has_command("cc") && !has_command("gcc") && !has_command("clang"))
        lacks(o, "no cc, gcc or clang in PATH: apt-get install gcc libc6-dev");
}

static const struct {
    const char *name, *sentence;
    void (*ask)(struct linux_offer *o);
} offers[] = {
    {"root", "frames, the reverse map and swap are shown to root alone", ask_root},
    {"BTF", "where the kernel has the fields of its structures", ask_btf},
    {"bpf(2)", "programs may be loaded into the kernel", ask_bpf},
    {"BPF picture", "all of the state: VMAs, anon_vmas, entries, pages, counters", ask_bpf_picture},
    {"procfs picture", "layout, frames and counters; neither anon_vmas nor contents",
     ask_proc_picture},
    {"kpagecount", "how often each frame is mapped", ask_kpagecount},
    {"swap by zram", "reclaim, with --swap: pages leave and come back", ask_zram},
    {"swap by file", "the same, on a disk", ask_swap_file},
    {"memory cgroup", "reclaim of pages that several processes share, with --swap --cgroup",
     ask_memory_cgroup},
    {"compaction", "migrate, with --compact: pages move to other frames", ask_compaction},
    {"KSM", "equal pages become one", ask_ksm},
    {"huge pages", "with --huge: made, split, moved, shared and collapsed", ask_huge},
    {"memory policies", "mbind", ask_policies},
    {"userfaultfd", "contexts, and ranges registered with them", ask_userfaults},
    {"QEMU", "another kernel in a guest, with --kernel", ask_qemu},
    {"KVM", "tried first for a guest, which would run at full speed", ask_kvm},
    {"C compiler", "reproducers are compiled and tried", ask_compiler},
};
#define NR_OFFERS (sizeof(offers) / sizeof(*offers))

unsigned linux_offers(struct linux_offer *offer, unsigned n)
{
    for (unsigned i = 0; i < NR_OFFERS && i < n; i++) {
        offer[i] = (struct linux_offer){
            .name = offers[i].name,
            .sentence = offers[i].sentence,
            .available = true,
        };
        offers[i].ask(&offer[i]);
    }
    return NR_OFFERS;
}
