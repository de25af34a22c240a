/* SPDX-License-Identifier: GPL-2.0-only */
/* Parts of the C source of report_c.c that only some operations need. */
#include "harness/report_c.h"

static const char access_part[] =
    "\n"
    "static sigjmp_buf fault;\n"
    "\n"
    "static void on_fault(int sig)\n"
    "{\n"
    "    siglongjmp(fault, sig);\n"
    "}\n"
    "\n"
    "static __attribute__((unused)) long get(unsigned long addr)\n"
    "{\n"
    "    int sig = sigsetjmp(fault, 1);\n"
    "\n"
    "    if (sig)\n"
    "        return sig == SIGBUS ? -ENXIO : -EFAULT;\n"
    "    return *(volatile long *)(addr & ~(PAGE - 1));\n"
    "}\n"
    "\n"
    "static __attribute__((unused)) long put(unsigned long addr, long n)\n"
    "{\n"
    "    int sig = sigsetjmp(fault, 1);\n"
    "\n"
    "    if (sig)\n"
    "        return sig == SIGBUS ? -ENXIO : -EFAULT;\n"
    "    *(volatile long *)(addr & ~(PAGE - 1)) = n;\n"
    "    return 0;\n"
    "}\n";

/* What accesses are where there are userfault contexts. */
static const char missing_access_part[] =
    "\n"
    "static void on_missing(int sig, siginfo_t *info, void *unused)\n"
    "{\n"
    "    (void)unused;\n"
    "    if (!brought((unsigned long)info->si_addr))\n"
    "        on_fault(sig);\n"
    "}\n";

static const char missing_remote_part[] =
    "\n"
    "static long remote_missing(long call, unsigned long addr, long n)\n"
    "{\n"
    "    long ret = remote(call, addr, n);\n"
    "\n"
    "    return ret < 0 && brought(addr) ? remote(call, addr, n) : ret;\n"
    "}\n"
    "#define remote remote_missing\n";

static const char missing_force_part[] =
    "\n"
    "static long force_missing(unsigned long addr, long n)\n"
    "{\n"
    "    long ret = force(addr, n);\n"
    "\n"
    "    return ret < 0 && brought(addr) ? force(addr, n) : ret;\n"
    "}\n"
    "#define force force_missing\n";

static const char remote_part[] =
    "\n"
    "static long remote(long call, unsigned long addr, long n)\n"
    "{\n"
    "    struct iovec ours = {&n, sizeof(n)}, page = {(void *)(addr & ~(PAGE - 1)), sizeof(n)};\n"
    "    long ret = sys(syscall(call, getpid(), &ours, 1UL, &page, 1UL, 0UL));\n"
    "\n"
    "    return ret < 0 ? ret : call == SYS_process_vm_readv ? n : 0;\n"
    "}\n";

static const char force_part[] =
    "\n"
    "static long force(unsigned long addr, long n)\n"
    "{\n"
    "    int fd = open(\"/proc/self/mem\", O_RDWR | O_CLOEXEC);\n"
    "    long ret = sys(pwrite(fd, &n, sizeof(n), (off_t)(addr & ~(PAGE - 1))));\n"
    "\n"
    "    close(fd);\n"
    "    return ret < 0 ? ret : 0;\n"
    "}\n";

static const char file_part[] =
    "\n"
    "enum { REGULAR, SHMEM, HUGETLB, SYSV, DEVICE, NOMMAP };\n"
    "\n"
    "static long file_keep(int *fd, int opened)\n"
    "{\n"
    "    if (opened < 0)\n"
    "        return -errno;\n"
    "    if (*fd >= 0) {\n"
    "        close(opened);\n"
    "        return -EMFILE;\n"
    "    }\n"
    "    *fd = opened;\n"
    "    return 0;\n"
    "}\n"
    "\n"
    "/* mode: O_RDONLY, O_WRONLY, O_RDWR, or 3 for neither, perhaps with O_APPEND */\n"
    "static __attribute__((unused)) long file_reopen(int *fd, int old, int mode)\n"
    "{\n"
    "    char path[64];\n"
    "\n"
    "    if (old < 0)\n"
    "        return -EBADF;\n"
    "    snprintf(path, sizeof(path), \"/proc/self/fd/%d\", old);\n"
    "    return file_keep(fd, open(path, mode | O_CLOEXEC));\n"
    "}\n"
    "\n"
    "/* Attach-counted and device files are memory files here. */\n"
    "static __attribute__((unused)) long file_open(int *fd, int kind, int mode,\n"
    "                                              unsigned long pages)\n"
    "{\n"
    "    int made = kind == REGULAR  ? open(\"/tmp\", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)\n"
    "               : kind == NOMMAP ? (int)syscall(SYS_eventfd2, 0, 0)\n"
    "               : kind == HUGETLB\n"
    "                   ? memfd_create(\"vmafuzz\", MFD_HUGETLB | MFD_ALLOW_SEALING)\n"
    "                   : memfd_create(\"vmafuzz\", MFD_ALLOW_SEALING);\n"
    "    long ret;\n"
    "\n"
    "    if (made < 0)\n"
    "        return -errno;\n"
    "    if (kind == NOMMAP)\n"
    "        return file_keep(fd, made);\n"
    "    ret = ftruncate(made, (off_t)(pages * PAGE)) ? -errno : file_reopen(fd, made, mode);\n"
    "    close(made);\n"
    "    return ret;\n"
    "}\n";

static const char close_part[] = "\n"
                                 "static __attribute__((unused)) long file_close(int *fd)\n"
                                 "{\n"
                                 "    long ret = sys(close(*fd));\n"
                                 "\n"
                                 "    *fd = -1;\n"
                                 "    return ret;\n"
                                 "}\n";

static const char uffd_part[] =
    "\n"
    "#include <linux/userfaultfd.h>\n"
    "\n"
    "static int contexts[16], nr_contexts;\n"
    "\n"
    "/* The handler of a missing page: is it there now, as one of zeroes? */\n"
    "static __attribute__((unused)) int brought(unsigned long addr)\n"
    "{\n"
    "    for (int i = 0; i < nr_contexts; i++) {\n"
    "        struct uffdio_zeropage page = {.range = {addr & ~(PAGE - 1), PAGE}};\n"
    "\n"
    "        if (!ioctl(contexts[i], UFFDIO_ZEROPAGE, &page))\n"
    "            return 1;\n"
    "    }\n"
    "    return 0;\n"
    "}\n"
    "\n"
    "/* Faults in registered ranges are signals, or this process would wait for itself. */\n"
    "static long context_new(int *context)\n"
    "{\n"
    "    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};\n"
    "    int fd;\n"
    "\n"
    "    if (*context >= 0)\n"
    "        return -EMFILE;\n"
    "    fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);\n"
    "    if (fd < 0 || ioctl(fd, UFFDIO_API, &api))\n"
    "        return -errno;\n"
    "    *context = fd;\n"
    "    if (nr_contexts < 16)\n"
    "        contexts[nr_contexts++] = fd;\n"
    "    return 0;\n"
    "}\n"
    "\n"
    "static __attribute__((unused)) long context_register(int context, unsigned long addr,\n"
    "                                                     unsigned long len, unsigned mode)\n"
    "{\n"
    "    struct uffdio_register r = {.range = {addr, len}, .mode = mode};\n"
    "\n"
    "    return sys(ioctl(context, UFFDIO_REGISTER, &r));\n"
    "}\n"
    "\n"
    "static __attribute__((unused)) long context_unregister(int context, unsigned long addr,\n"
    "                                                       unsigned long len)\n"
    "{\n"
    "    struct uffdio_range r = {addr, len};\n"
    "\n"
    "    return sys(ioctl(context, UFFDIO_UNREGISTER, &r));\n"
    "}\n";

static const char name_part[] = "\n"
                                "#include <sys/prctl.h>\n"
                                "#ifndef PR_SET_VMA\n"
                                "#define PR_SET_VMA 0x53564d41\n"
                                "#endif\n"
                                "#ifndef PR_SET_VMA_ANON_NAME\n"
                                "#define PR_SET_VMA_ANON_NAME 0\n"
                                "#endif\n";

static const char mincore_part[] = "\n"
                                   "static long resident(unsigned long addr, unsigned long len)\n"
                                   "{\n"
                                   "    static unsigned char pages[1 << 20];\n"
                                   "\n"
                                   "    if (len / PAGE >= sizeof(pages))\n"
                                   "        return -ENOMEM;\n"
                                   "    return sys(syscall(SYS_mincore, addr, len, pages));\n"
                                   "}\n";

static const char limit_part[] =
    "\n"
    "static long limit(int which, unsigned long pages)\n"
    "{\n"
    "    struct rlimit r;\n"
    "\n"
    "    getrlimit(which, &r); /* the hard limit stays */\n"
    "    if (pages < RLIM_INFINITY / PAGE)\n"
    "        pages += which == RLIMIT_AS ? own_total : which == RLIMIT_DATA ? own_data : 0;\n"
    "    r.rlim_cur = pages < RLIM_INFINITY / PAGE ? pages * PAGE : r.rlim_max;\n"
    "    return sys(setrlimit(which, &r));\n"
    "}\n";

static const char bind_part[] =
    "\n"
    "/* Nodes beside node 0 need not be there to tell policies apart: MPOL_F_STATIC_NODES. */\n"
    "static long bind_nodes(unsigned long addr, unsigned long len, int mode, unsigned long nodes)\n"
    "{\n"
    "    unsigned long mask = nodes ? nodes << 1 | 1 : 0;\n"
    "\n"
    "    if (nodes & ~15UL)\n"
    "        return -EINVAL;\n"
    "    if (nodes && mode >= 0 && mode <= 4)\n"
    "        mode |= 1 << 15;\n"
    "    return sys(syscall(SYS_mbind, addr, len, mode, &mask, 8 * sizeof(mask), 0));\n"
    "}\n";

void put_parts(unsigned parts, FILE *to)
{
    static const struct {
        unsigned parts;
        const char *text, *missing; /* missing: besides, with userfault contexts */
    } source[] = {
        {PART_UFFD | PART_FILE, close_part, NULL},
        {PART_FILE, file_part, NULL},
        {PART_UFFD, uffd_part, NULL},
        {PART_ACCESS, access_part, missing_access_part},
        {PART_REMOTE, remote_part, missing_remote_part},
        {PART_FORCE, force_part, missing_force_part},
        {PART_MINCORE, mincore_part, NULL},
        {PART_LIMIT, limit_part, NULL},
        {PART_BIND, bind_part, NULL},
        {PART_NAME, name_part, NULL},
    };

    for (size_t i = 0; i < sizeof(source) / sizeof(source[0]); i++) {
        if (!(parts & source[i].parts))
            continue;
        fputs(source[i].text, to);
        if (parts & PART_UFFD && source[i].missing)
            fputs(source[i].missing, to);
    }
}
