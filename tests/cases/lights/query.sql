select convert_to('{"red":{"totalCount":'
  || (select (select count(*)
      from issue t1
      where t1.county_id = $1::bigint
      and t1.next_due_at <= now() + make_interval(hours => $2::integer)
      and (case
        when t1.next_due_at < now() then 'RED'
        when t1.next_due_at <= now() + interval '24 hours' then 'AMBER'
        when t1.next_due_at is not null then 'GREEN' end) = any($3::text[]))
    || ',"nodes":['
    || coalesce(string_agg('{"number":'
        || (to_json(t1.number)::text)
        || ',"nextDueAt":'
        || coalesce(to_json(t1.next_due_at)::text, 'null')
        || ',"light":'
        || coalesce('"'
          || case
          when t1.next_due_at < now() then 'RED'
          when t1.next_due_at <= now() + interval '24 hours' then 'AMBER'
          when t1.next_due_at is not null then 'GREEN' end
          || '"', 'null')
        || ',"deadlines":{"nodes":['
        || (select coalesce(string_agg('{"kind":"'
              || t2.kind
              || '","dueAt":'
              || (to_json(t2.due_at)::text)
              || ',"light":'
              || coalesce('"'
                || case
                when t2.running then case
                when t2.due_at < now() then 'RED'
                when t2.due_at <= now() + interval '24 hours' then 'AMBER'
                when t2.due_at is not null then 'GREEN' end end
                || '"', 'null')
              || '}', ','
              order by t2.due_at, t2.id), '')
          from (select t2.*
            from clock t2
            where t2.issue_id = t1.id
            and (t2.running)
            order by t2.due_at, t2.id
            limit 50) t2
          having true)
        || ']}}', ','
        order by coalesce(t1.next_due_at, 'infinity'), t1.id), '')
    from (select t1.*
      from issue t1
      where t1.county_id = $1::bigint
      and t1.next_due_at <= now() + make_interval(hours => $2::integer)
      and (case
        when t1.next_due_at < now() then 'RED'
        when t1.next_due_at <= now() + interval '24 hours' then 'AMBER'
        when t1.next_due_at is not null then 'GREEN' end) = any($3::text[])
      order by coalesce(t1.next_due_at, 'infinity'), t1.id
      limit 50) t1
    having true)
  || ']},"amber":{"totalCount":'
  || (select count(*)
    from issue t3
    where t3.county_id = $1::bigint
    and t3.next_due_at <= now() + make_interval(hours => $4::integer)
    and (case
      when t3.next_due_at < now() then 'RED'
      when t3.next_due_at <= now() + interval '24 hours' then 'AMBER'
      when t3.next_due_at is not null then 'GREEN' end) = any($5::text[]))
  || '},"assignments":{"nodes":['
  || (select coalesce(string_agg('{"light":'
        || coalesce('"'
          || (select case
            when min(k.due_at) < now() then 'RED'
            when min(k.due_at) <= now() + interval '24 hours' then 'AMBER'
            when min(k.due_at) is not null then 'GREEN' end
            from clock k
            where k.assignment_id = t4.id
            and k.running)
          || '"', 'null')
        || ',"clocks":{"nodes":['
        || (select coalesce(string_agg('{"kind":"'
              || t5.kind
              || '","running":'
              || (case
                when t5.running then 'true'
                else 'false' end)
              || ',"stoppedAt":'
              || coalesce(to_json(t5.stopped_at)::text, 'null')
              || '}', ','
              order by t5.due_at, t5.id), '')
          from (select t5.*
            from clock t5
            where t5.assignment_id = t4.id
            order by t5.due_at, t5.id
            limit 50) t5
          having true)
        || ']}}', ','
        order by t4.id), '')
    from (select t4.*
      from assignment t4
      where exists (select 1
        from issue t4_issue
        where t4_issue.id = t4.issue_id
        and t4_issue.county_id = $1::bigint)
      and (select case
        when min(k.due_at) < now() then 'RED'
        when min(k.due_at) <= now() + interval '24 hours' then 'AMBER'
        when min(k.due_at) is not null then 'GREEN' end
        from clock k
        where k.assignment_id = t4.id
        and k.running) = any($6::text[])
      order by t4.id
      limit 2) t4
    having true)
  || ']}}', 'UTF8')
-- $1 = 3
-- $2 = 0
-- $3 = ['RED']
-- $4 = 10000000
-- $5 = ['AMBER', 'GREEN']
-- $6 = ['RED']
