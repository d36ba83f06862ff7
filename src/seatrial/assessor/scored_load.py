"""Dimensions that answer to the app and its traffic: does the platform carry what the app does?"""

from __future__ import annotations

from math import log10

from seatrial.assessor.scored import (
    FULL,
    Scored,
    View,
    boot_s,
    clock,
    declared,
    facts,
    longest,
    offers,
    replica_rps,
    replicas_limit,
    said,
    worst_peak_rps,
)
from seatrial.kernel.workload import Proof

IN_PROCESS = (
    "state.session-memory", "state.chat-memory", "state.sticky-sessions", "state.session-state",
    "state.module-mutable", "state.websocket", "state.memory-queue", "state.session-file",
)  # fmt: skip
"""Facts that say: what one request leaves behind, the next one needs in the same process."""

KEPT_FILES = ("state.upload-folder", "state.file", "state.single-writer")


def scalability(view: View) -> Scored:
    """How much more the platform could carry, and whether it follows by itself.

    4 points when the number of replicas follows the load. Up to 6 for room: 6 when the platform
    sets no limit to replicas; else 3 x log10(times), where `times` is how often all replicas of
    this size that the platform allows carry the peak, the largest stated event included.
    """
    limit, peak = replicas_limit(view), worst_peak_rps(view)
    follows = view.platform.capabilities.autoscaling
    auto = "follows the load (4)" if follows else "replicas are set by hand (0)"
    if limit is None:
        room, told = 6.0, "no limit to replicas (6)"
    else:
        times = limit * replica_rps(view) / peak if peak > 0 else 100.0
        room = min(6.0, max(0.0, 3 * log10(times))) if times > 0 else 0.0
        told = f"{limit} replicas carry {times:,.0f} times the peak of {peak:.3g}/s ({room:.1f})"
    return Scored(
        room + 4 * follows, f"{told}, {auto}", said(view, "autoscaling", "dimension.scalability")
    )


def long_requests(view: View) -> Scored:
    """Whether the app's longest request fits into the time that the platform gives one.

    10 without a limit. Else 0 when the longest request is longer than the limit, and from 5 at
    the limit to 10 when the limit is ten times as long: 5 + 5 x log10(limit / longest). None when
    there is a limit and the longest request is neither measured nor stated.
    """
    rule = "dimension.long-requests"
    limit, slow = view.platform.limits.request_s, longest(view)
    if limit is None:
        told = "no limit to a request's time"
        return Scored(FULL, told, declared(view, rule, "no [limits.request_s]"))
    proof = declared(view, rule, f"{limit.source}, as of {limit.as_of}")
    if slow is None:
        told = f"limit {clock(limit.value)}; the app's longest request is not known"
        return Scored(None, told, proof)
    seconds, what, _ = slow
    told = f"limit {clock(limit.value)}, longest request {clock(seconds)} ({what})"
    if seconds > limit.value:
        return Scored(0.0, told, proof)
    return Scored(5 + 5 * log10(limit.value / max(seconds, 1e-3)), told, proof)


def uploads(view: View) -> Scored:
    """Whether visitors' files get through, and where they can stay.

    10 for an app that takes no files and keeps none. Else up to 6 for size: 6 without a limit,
    and 3 x log10(limit in MiB) with one. For a place 4 where a disk outlives the replica, 3 where
    the provider has object storage, which the app has to be taught.
    """
    rule = "dimension.uploads"
    taken = facts(view, "upload.accepted", "upload.no-limit", *KEPT_FILES)
    if not taken:
        proof = Proof(kind="source", rule=rule, note="no upload found in the app's source")
        return Scored(FULL, "the app takes and keeps no files", proof)
    limit = view.platform.limits.payload_mib
    size = 6.0 if limit is None else min(6.0, max(0.0, 3 * log10(max(limit.value, 1e-3))))
    bodies = "bodies of any size" if limit is None else f"bodies up to {limit.value:g} MiB"
    disk, storage = view.platform.capabilities.persistent_disk, offers(view, "object-storage")
    place = 4 if disk else 3 if storage else 0
    where = "a lasting disk" if disk else "object storage" if storage else "no place for them"
    told = f"the app takes files ({taken[0].proof}): {bodies} ({size:.1f}), {where} ({place})"
    proof = said(view, "persistent_disk", rule)
    if limit is not None:
        proof = declared(view, rule, f"{limit.source}, as of {limit.as_of}")
    return Scored(size + place, told, proof)


def sessions(view: View) -> Scored:
    """What becomes of state that the app keeps in a process.

    10 for an app that keeps none. Else 8 where one process serves everybody; it is lost with each
    restart. Else 6 where a visitor stays on one replica (sticky sessions) and a replica has one
    process; 4 where the provider has a managed Redis to move it to; 0 where there is neither.
    """
    rule = "dimension.sessions"
    kept = facts(view, *IN_PROCESS)
    if not kept:
        proof = Proof(kind="source", rule=rule, note="no state in a process found in the source")
        return Scored(FULL, "the app keeps nothing in a process", proof)
    can, design = view.platform.capabilities, view.design
    what = f"{kept[0].subject} is kept in a process ({kept[0].proof})"
    whole = view.platform.kind != "functions" and can.background
    if whole and design.replicas_max * design.workers <= 1:
        proof = said(view, "background", rule)
        return Scored(8.0, f"{what}; one process serves everybody", proof)
    if can.sticky_sessions and design.workers <= 1:
        proof = said(view, "sticky_sessions", rule)
        return Scored(6.0, f"{what}; a visitor stays on one replica", proof)
    if offers(view, "redis"):
        told = f"{what}; it has to move to the provider's Redis first"
        return Scored(4.0, told, declared(view, rule, "a managed Redis of this provider"))
    proof = said(view, "sticky_sessions", rule)
    return Scored(0.0, f"{what}; neither sticky sessions nor a managed Redis", proof)


def cold_start(view: View) -> Scored:
    """How long a request waits for a replica that has to be started.

    10 where a fixed number of replicas runs all day. 5 + 5 / (1 + t / 60 s) where some always run
    and more come with the load, 10 / (1 + t / 1 s) where the first request starts one. `t` is the
    platform's start and, as far as measured, the app's boot. None when the platform's is not known.
    """
    rule = "dimension.cold-start"
    design, scaling = view.design, view.platform.scaling
    waits = design.replicas_min == 0 or view.platform.kind == "functions"
    if not waits and (scaling.mechanism == "none" or design.replicas_min == design.replicas_max):
        told = f"{design.replicas_min} replicas run all day, none is started by load"
        return Scored(FULL, told, said(view, "mechanism", rule))
    if scaling.start_s is None:
        told = "replicas start with the load; how long that takes is not known"
        return Scored(None, told, said(view, "mechanism", rule))
    boot = boot_s(view)
    t = scaling.start_s.value + (boot or 0.0)
    own = "its boot not measured" if boot is None else f"{clock(boot)} of it the app's boot"
    proof = declared(view, rule, f"{scaling.start_s.source}, as of {scaling.start_s.as_of}")
    if waits:
        return Scored(FULL / (1 + t), f"a first request waits {clock(t)}, {own}", proof)
    told = f"{design.replicas_min} always run, one more takes {clock(t)}, {own}"
    return Scored(5 + 5 / (1 + t / 60), told, proof)


def stability(view: View) -> Scored:
    """What is promised, and what breaks with a zone or a replica.

    Up to 6 for the agreements: 6 / 5 for each nine of their product (99.9 % has three), 0 without
    one. 3 when the loss of a zone is survived with two zones or more, 1.5 when replicas move, 0
    when it takes the app down. 1 when one lost replica leaves enough for the peak.
    """
    level, loss = view.assessed.promise.availability_percent, view.platform.failure.zone_loss
    nines = 0.0 if level is None else -log10(max(1e-9, 1 - level / 100))
    promised = "no agreement (0)" if level is None else f"{level:g} % agreed"
    survived = loss == "survives" and view.platform.capabilities.zones > 1
    zone = 3.0 if survived else 1.5 if loss == "moves" else 0.0
    design = view.design
    spare = view.platform.kind == "functions" or (
        (design.replicas_min - 1) * replica_rps(view) > view.assessed.promise.rate_rps
    )
    after = "one replica can be lost (1)" if spare else "no replica to spare (0)"
    agreed = min(6.0, nines * 6 / 5)
    told = f"{promised} ({agreed:.1f}), a lost zone: {loss} ({zone:g}), {after}"
    return Scored(agreed + zone + spare, told, said(view, "zone_loss", "dimension.stability"))


def disaster_recovery(view: View) -> Scored:
    """How long a zone's and a region's loss last, and how much data they take.

    Zone: 3 / (1 + RTO / 1 h) and 2 / (1 + RPO / 5 min). Region: 3 / (1 + RTO / 1 h) and
    2 / (1 + RPO / 5 min). No RPO points where nothing can be restored. None without recoveries.
    """
    rule = "dimension.disaster-recovery"
    file = "assessor/simulate/failures.toml"
    proof = Proof(kind="declared", rule=rule, file=file, note="how long each step takes")
    known = {one.name: one for one in view.recoveries}
    zone, region = known.get("zone loss"), known.get("region loss")
    if zone is None or region is None:
        return Scored(None, "recovery times are not known", proof)
    score, told = 0.0, []
    for one in (zone, region):
        score += 3 / (1 + one.rto_s / 3600)
        score += 0.0 if one.rpo_s is None else 2 / (1 + one.rpo_s / 300)
        data = "nothing can be restored" if one.rpo_s is None else f"RPO {clock(one.rpo_s)}"
        told.append(f"{one.name}: RTO {clock(one.rto_s)}, {data}")
    return Scored(score, "; ".join(told), proof)
