/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A subject is something that answers operations: the reference mm, the flat specification, a
 * running kernel. It is plugged in by one small table of functions.
 */
#ifndef HARNESS_SUBJECT_H
#define HARNESS_SUBJECT_H

#include "harness/program.h"
#include "oracles/snapshot.h"
#include "oracles/spec.h"

struct subject;
struct verdict;
struct subject_ops {
    const char *name;
    /* slot: arena number, for subjects that have one. NULL with errno. */
    struct subject *(*new)(unsigned slot);
    void (*free)(struct subject *s);
    /* An empty world with process 0. 0 or -errno. */
    int (*reset)(struct subject *s, const struct world_config *config);
    /* Why it cannot make this call, in a few words: then nobody makes it. NULL: it can; as a
     * member: it can make all. */
    const char *(*refuses)(struct subject *s, const struct call *call);
    /* Makes the call and returns what it answers. seen: what the subject that went first answered,
     * for a subject that judges it; NULL: this one goes first. */
    long (*apply)(struct subject *s, const struct call *call, const struct spec_seen *seen);
    /* Picture of the whole. 0 or -ENOMEM. */
    int (*snapshot)(struct subject *s, struct snapshot *out);
    /* Ends every process and closes everything. */
    void (*exit)(struct subject *s);
};
/* First member of every subject. */
struct subject {
    const struct subject_ops *ops;
};

extern const struct subject_ops subject_model_ops, subject_spec_ops;
/* What is inside, for the oracles. */
struct world *subject_model_world(const struct subject *s);
struct spec *subject_spec_spec(const struct subject *s);

/*
 * A third subject beside model and flat specification, which answers for itself: the running
 * kernel, or another mm. It makes each operation after them; answers and pictures have to agree.
 * See run_options.other; whoever fills this in keeps it, and the subject, as long as runs use it.
 */
struct other_subject {
    struct subject *subject;
    const char *name;   /* in sentences: "Linux 6.18.44" */
    const char *replay; /* what `vmafuzz replay' is told to have it again: "--on linux"; NULL: it
                           does not know it, and reports name no command */
    bool drawable;      /* its pictures show all that a drawing does */
    unsigned shows;     /* enum linux_shows: what its pictures show */
    uint32_t every;     /* pictures are compared after each so many operations, and at the end */
    /* The name of a known difference that the call would run into: nobody makes it then. NULL: none
     * is known. May be NULL itself. */
    const char *(*avoids)(struct other_subject *other, const struct world *world,
                          const struct call *call);
    /* Its picture: laws, and the comparison with the model's. It may be completed where it cannot
     * show what a law asks for. True, or false with the verdict. */
    bool (*judge)(struct other_subject *other, const struct snapshot *model,
                  struct snapshot *picture, struct verdict *v);
    /* It makes this call first, since what comes of it is its own choice; the model then does what
     * its picture shows. May be NULL itself. */
    bool (*leads)(struct other_subject *other, const struct world *world, const struct call *call);
    uint64_t led, followed; /* how often; pages that the model took after it */
    /* What has become of it; NULL: all is well. May be NULL itself. */
    const char *(*lost)(const struct subject *s);
    /* The operation is next, made or not; NULL: a program of that world begins. May be NULL. */
    void (*trail)(struct other_subject *other, const struct world_config *config,
                  const struct op *op);
};

/* One column of functions each, indexed by operation kind. call->kind is not OP_NONE and the
 * process exists. */
long apply_model(struct world *world, const struct call *c);
long apply_spec(struct spec *spec, const struct call *c, const struct spec_seen *seen);

#endif
