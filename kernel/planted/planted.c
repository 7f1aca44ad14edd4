// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs on request: writing one's name to /sys/kernel/debug/planted makes it happen, so that the tests can tell that
 * what watches the kernel (lockdep, kmemleak, KASAN) sees it. Never part of the series.
 */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static DEFINE_SPINLOCK(planted_spinlock);
static DEFINE_MUTEX(planted_first);
static DEFINE_MUTEX(planted_second);
static void __rcu *planted_pointer;

/* kmemleak: more than one, since the last may still be found in a register or on the stack. */
static noinline void planted_leak(void)
{
	void *lost;
	int i;

	for (i = 0; i < 16; i++) {
		lost = kmalloc(100, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(lost);
	}
}

/* DEBUG_ATOMIC_SLEEP: sleeping function called from invalid context. */
static void planted_atomic(void)
{
	spin_lock(&planted_spinlock);
	might_sleep();
	spin_unlock(&planted_spinlock);
}

/* PROVE_RCU: suspicious rcu_dereference_check() usage. */
static void planted_rcu(void)
{
	void *pointer = rcu_dereference(planted_pointer);

	OPTIMIZER_HIDE_VAR(pointer);
}

/* PROVE_LOCKING: possible circular locking dependency detected. Nobody waits: the order alone is wrong. */
static void planted_lock(void)
{
	mutex_lock(&planted_first);
	mutex_lock(&planted_second);
	mutex_unlock(&planted_second);
	mutex_unlock(&planted_first);

	mutex_lock(&planted_second);
	mutex_lock(&planted_first);
	mutex_unlock(&planted_first);
	mutex_unlock(&planted_second);
}

/* KASAN: slab-use-after-free. Without KASAN nothing happens: it is a read. */
static void planted_memory(void)
{
	char *freed = kmalloc(100, GFP_KERNEL);

	if (!freed)
		return;
	OPTIMIZER_HIDE_VAR(freed);
	kfree(freed);
	READ_ONCE(freed[10]);
}

static const struct {
	const char *name;
	void (*plant)(void);
} planted_bugs[] = {
	{ "leak", planted_leak },
	{ "atomic", planted_atomic },
	{ "rcu", planted_rcu },
	{ "lock", planted_lock },
	{ "memory", planted_memory },
};

static ssize_t planted_write(struct file *file, const char __user *buffer, size_t size, loff_t *position)
{
	char name[16] = {};
	size_t i;

	if (size >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, buffer, size))
		return -EFAULT;
	for (i = 0; i < ARRAY_SIZE(planted_bugs); i++) {
		if (strcmp(strim(name), planted_bugs[i].name))
			continue;
		planted_bugs[i].plant();
		return size;
	}
	return -EINVAL;
}

static const struct file_operations planted_operations = {
	.write = planted_write,
};

static int __init planted_init(void)
{
	debugfs_create_file("planted", 0200, NULL, NULL, &planted_operations);
	return 0;
}
device_initcall(planted_init);
