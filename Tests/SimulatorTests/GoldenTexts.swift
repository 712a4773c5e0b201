import Simulator

/// What `GoldenTests` expects: made by the simulator, then read line by line against the formats of
/// the three releases. Nothing here was captured on a server.
let goldenTexts: [Layout: String] = [
  .lustre2_12: """
  == oss01:proc/fs/lustre/obdfilter/scratch-OST0001/stats
  snapshot_time             1767225603.000000000 secs.nsecs
  read_bytes                2130300 samples [bytes] 262144 262144 558445363200
  write_bytes               1065150 samples [bytes] 1048576 1048576 1116890726400
  getattr                   213030 samples [reqs]
  setattr                   213030 samples [reqs]
  punch                     1065150 samples [reqs]
  sync                      213030 samples [reqs]
  statfs                    639090 samples [reqs]
  == oss01:proc/fs/lustre/obdfilter/home-OST0000/job_stats
  job_stats:
  - job_id:          climate.1201
    snapshot_time:   1767225603
    read_bytes:      { samples:     3834540, unit: bytes, min:  262144, max:  262144, sum:   1005201653760 }
    write_bytes:     { samples:     1917270, unit: bytes, min: 1048576, max: 1048576, sum:   2010403307520 }
    getattr:         { samples:      213030, unit:  reqs }
    setattr:         { samples:      213030, unit:  reqs }
    punch:           { samples:     1917270, unit:  reqs }
    sync:            { samples:      213030, unit:  reqs }
    destroy:         { samples:           0, unit:  reqs }
    create:          { samples:           0, unit:  reqs }
    statfs:          { samples:      213030, unit:  reqs }
    get_info:        { samples:           0, unit:  reqs }
    set_info:        { samples:           0, unit:  reqs }
    quotactl:        { samples:           0, unit:  reqs }
  == mds01:proc/fs/lustre/mdt/scratch-MDT0000/exports/10.73.20.1@tcp/uuid
  scratch-MDT0000-lwp-OST0000_UUID
  scratch-MDT0000-lwp-OST0001_UUID
  == oss01:proc/self/mounts
  /dev/mapper/scratch-ost0000 /mnt/scratch-OST0000 lustre ro,svname=scratch-OST0000,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-ldiskfs,user_xattr,errors=remount-ro 0 0
  /dev/mapper/scratch-ost0001 /mnt/scratch-OST0001 lustre ro,svname=scratch-OST0001,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-ldiskfs,user_xattr,errors=remount-ro 0 0
  home-ost0000/home-ost0000 /mnt/home-OST0000 lustre ro,svname=home-OST0000,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-zfs 0 0
  == oss02:proc/fs/lustre/obdfilter/scratch-OST0000/recovery_status
  status: RECOVERING
  recovery_start: 21649
  time_remaining: 0
  connected_clients: 2/3
  req_replay_clients: 0
  lock_repay_clients: 0
  completed_clients: 2
  evicted_clients: 0
  replayed_requests: 0
  queued_requests: 0
  next_transno: 4465697179

  """,
  .lustre2_15: """
  == oss01:proc/fs/lustre/obdfilter/scratch-OST0001/stats
  snapshot_time             1767225603.000000000 secs.nsecs
  start_time                1767204300.000000000 secs.nsecs
  elapsed_time              21303.000000000 secs.nsecs
  read_bytes                2130300 samples [bytes] 262144 262144 558445363200 146393101290700800
  write_bytes               1065150 samples [bytes] 1048576 1048576 1116890726400 1171144810325606400
  read                      2130300 samples [usecs] 600 600 1278180000 766908000000
  write                     1065150 samples [usecs] 1400 1400 1491210000 2087694000000
  getattr                   213030 samples [usecs] 40 40 8521200 340848000
  setattr                   213030 samples [usecs] 70 70 14912100 1043847000
  punch                     1065150 samples [usecs] 110 110 117166500 12888315000
  sync                      213030 samples [usecs] 2000 2000 426060000 852120000000
  statfs                    639090 samples [usecs] 60 90 51127200 4217994000
  == oss01:proc/fs/lustre/obdfilter/home-OST0000/job_stats
  job_stats:
  - job_id:          climate.1201
    snapshot_time:   1767225603.000000000 secs.nsecs
    start_time:      1767204300.000000000 secs.nsecs
    elapsed_time:    21303.000000000 secs.nsecs
    read_bytes:      { samples:     3834540, unit: bytes, min:   262144, max:   262144, sum:    1005201653760, sumsq: 263507582323261440 }
    write_bytes:     { samples:     1917270, unit: bytes, min:  1048576, max:  1048576, sum:    2010403307520, sumsq: 2108060658586091520 }
    read:            { samples:     3834540, unit: usecs, min:      600, max:      600, sum:       2300724000, sumsq:      1380434400000 }
    write:           { samples:     1917270, unit: usecs, min:     1400, max:     1400, sum:       2684178000, sumsq:      3757849200000 }
    getattr:         { samples:      213030, unit: usecs, min:       40, max:       40, sum:          8521200, sumsq:          340848000 }
    setattr:         { samples:      213030, unit: usecs, min:       70, max:       70, sum:         14912100, sumsq:         1043847000 }
    punch:           { samples:     1917270, unit: usecs, min:      110, max:      110, sum:        210899700, sumsq:        23198967000 }
    sync:            { samples:      213030, unit: usecs, min:     2000, max:     2000, sum:        426060000, sumsq:       852120000000 }
    destroy:         { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    create:          { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    statfs:          { samples:      213030, unit: usecs, min:       60, max:       60, sum:         12781800, sumsq:          766908000 }
    get_info:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    set_info:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    quotactl:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    prealloc:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
  == mds01:proc/fs/lustre/mdt/scratch-MDT0000/exports/10.73.20.1@tcp/uuid
  scratch-MDT0000-lwp-OST0000_UUID
  scratch-MDT0000-lwp-OST0001_UUID
  == oss01:proc/self/mounts
  /dev/mapper/scratch-ost0000 /mnt/scratch-OST0000 lustre ro,svname=scratch-OST0000,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-ldiskfs,user_xattr,errors=remount-ro 0 0
  /dev/mapper/scratch-ost0001 /mnt/scratch-OST0001 lustre ro,svname=scratch-OST0001,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-ldiskfs,user_xattr,errors=remount-ro 0 0
  home-ost0000/home-ost0000 /mnt/home-OST0000 lustre ro,svname=home-OST0000,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-zfs 0 0
  == oss02:proc/fs/lustre/obdfilter/scratch-OST0000/recovery_status
  status: RECOVERING
  recovery_start: 1767225630
  time_remaining: 145
  connected_clients: 2/3
  req_replay_clients: 0
  lock_repay_clients: 0
  completed_clients: 2
  evicted_clients: 0
  replayed_requests: 0
  queued_requests: 0
  next_transno: 4465697179

  """,
  .lustre2_17: """
  == oss01:sys/kernel/debug/lustre/obdfilter/scratch-OST0001/stats
  snapshot_time                       1767225603.000000000 secs.nsecs
  start_time                          1767204300.000000000 secs.nsecs
  elapsed_time                        21303.000000000 secs.nsecs
  read_bytes                          2130300 samples [bytes] 262144 262144 558445363200 146393101290700800
  write_bytes                         1065150 samples [bytes] 1048576 1048576 1116890726400 1171144810325606400
  read                                2130300 samples [usecs] 600 600 1278180000 766908000000
  write                               1065150 samples [usecs] 1400 1400 1491210000 2087694000000
  getattr                             213030 samples [usecs] 40 40 8521200 340848000
  setattr                             213030 samples [usecs] 70 70 14912100 1043847000
  punch                               1065150 samples [usecs] 110 110 117166500 12888315000
  sync                                213030 samples [usecs] 2000 2000 426060000 852120000000
  statfs                              639090 samples [usecs] 60 90 51127200 4217994000
  == oss01:proc/fs/lustre/obdfilter/home-OST0000/job_stats
  job_stats:
  - job_id:          climate.1201
    snapshot_time:   1767225603.000000000 secs.nsecs
    start_time:      1767204300.000000000 secs.nsecs
    elapsed_time:    21303.000000000 secs.nsecs
    read_bytes:      { samples:     3834540, unit: bytes, min:   262144, max:   262144, sum:    1005201653760, sumsq: 263507582323261440, hist: { 256K: 3834540 } }
    write_bytes:     { samples:     1917270, unit: bytes, min:  1048576, max:  1048576, sum:    2010403307520, sumsq: 2108060658586091520, hist: { 1M: 1917270 } }
    read:            { samples:     3834540, unit: usecs, min:      600, max:      600, sum:       2300724000, sumsq:      1380434400000 }
    write:           { samples:     1917270, unit: usecs, min:     1400, max:     1400, sum:       2684178000, sumsq:      3757849200000 }
    getattr:         { samples:      213030, unit: usecs, min:       40, max:       40, sum:          8521200, sumsq:          340848000 }
    setattr:         { samples:      213030, unit: usecs, min:       70, max:       70, sum:         14912100, sumsq:         1043847000 }
    punch:           { samples:     1917270, unit: usecs, min:      110, max:      110, sum:        210899700, sumsq:        23198967000 }
    sync:            { samples:      213030, unit: usecs, min:     2000, max:     2000, sum:        426060000, sumsq:       852120000000 }
    destroy:         { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    create:          { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    statfs:          { samples:      213030, unit: usecs, min:       60, max:       60, sum:         12781800, sumsq:          766908000 }
    get_info:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    set_info:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    quotactl:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
    prealloc:        { samples:           0, unit: usecs, min:        0, max:        0, sum:                0, sumsq:                  0 }
  == mds01:sys/kernel/debug/lustre/mdt/scratch-MDT0000/exports/10.73.20.1@tcp/uuid
  scratch-MDT0000-lwp-OST0000_UUID
  scratch-MDT0000-lwp-OST0001_UUID
  == oss01:proc/self/mounts
  /dev/mapper/scratch-ost0000 /mnt/scratch-OST0000 lustre_tgt rw,svname=scratch-OST0000,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-ldiskfs,user_xattr,errors=remount-ro 0 0
  /dev/mapper/scratch-ost0001 /mnt/scratch-OST0001 lustre_tgt rw,svname=scratch-OST0001,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-ldiskfs,user_xattr,errors=remount-ro 0 0
  home-ost0000/home-ost0000 /mnt/home-OST0000 lustre_tgt rw,svname=home-OST0000,mgsnode=10.73.10.11@tcp:10.73.10.12@tcp,osd=osd-zfs 0 0
  == oss02:sys/kernel/debug/lustre/obdfilter/scratch-OST0000/recovery_status
  status: RECOVERING
  recovery_start: 1767225630
  time_remaining: 145
  connected_clients: 2/3
  req_replay_clients: 0
  lock_repay_clients: 0
  completed_clients: 2
  evicted_clients: 0
  replayed_requests: 0
  queued_requests: 0
  next_transno: 4465697179

  """,
]
