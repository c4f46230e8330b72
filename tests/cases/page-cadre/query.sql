select convert_to('{"issues":{"totalCount":'
  || (select (select count(*)
      from issue t1
      where t1.id in (select issue_id
        from assignment
        where responsible_id = $1::bigint
        union all select id
        from issue
        where issue.finder_id = $1::bigint
        union all select id
        from issue
        where issue.finder_account_id = $2::bigint
        union all select id
        from issue
        where issue.verifier_id = $1::bigint
        union all select id
        from issue
        where issue.unit_id = $3::bigint))
    || ',"nodes":['
    || coalesce(string_agg('{"number":'
        || (to_json(t1.number)::text)
        || ',"title":'
        || (to_json(t1.title)::text)
        || ',"state":"'
        || t1.state
        || '","unit":'
        || case
        when t2.id is null then 'null'
        else '{"name":'
        || (to_json(t2.name)::text)
        || '}' end
        || '}', ','
        order by t1.number), '')
    from (select t1.*
      from issue t1
      where t1.id in (select issue_id
        from assignment
        where responsible_id = $1::bigint
        union all select id
        from issue
        where issue.finder_id = $1::bigint
        union all select id
        from issue
        where issue.finder_account_id = $2::bigint
        union all select id
        from issue
        where issue.verifier_id = $1::bigint
        union all select id
        from issue
        where issue.unit_id = $3::bigint)
      order by t1.number
      limit 3) t1
    left join unit t2 on t2.id = t1.unit_id
    and t2.village_id = $4::bigint
    having true)
  || ']}}', 'UTF8')
-- $1 = 1
-- $2 = 8
-- $3 = 9
-- $4 = 9
