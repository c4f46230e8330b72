select convert_to('{"node":'
  || coalesce((select '{"id":"Issue:'
      || t1.id
      || '","title":'
      || (to_json(t1.title)::text)
      || '}'
      from issue t1
      where t1.id = $1::bigint
      and t1.county_id = $2::bigint), 'null')
  || ',"beside":'
  || coalesce((select '{"id":"Issue:'
      || t2.id
      || '"}'
      from issue t2
      where t2.id = $3::bigint
      and t2.county_id = $2::bigint), 'null')
  || ',"nodes":'
  || (select coalesce('['
      || string_agg(case asked.name
        when 'Issue' then coalesce((select '{"id":"Issue:'
            || t3.id
            || '","__typename":"Issue","title":'
            || (to_json(t3.title)::text)
            || '}'
            from issue t3
            where t3.id = asked.id
            and t3.county_id = $2::bigint), 'null')
        when 'Unit' then coalesce((select '{"id":"Unit:'
            || t4.id
            || '","__typename":'
            || case
            when t4.level = 'CITY' then '"City"'
            when t4.level = 'COUNTY' then '"County"'
            when t4.level = 'TOWNSHIP' then '"Township"'
            when t4.level = 'VILLAGE' then '"Village"' end
            || ',"name":'
            || (to_json(t4.name)::text)
            || '}'
            from unit t4
            where t4.id = asked.id
            and t4.county_id = $6::bigint), 'null')
        when 'Cadre' then coalesce((select '{"id":"Cadre:'
            || t5.id
            || '","__typename":"Cadre","name":'
            || (to_json(t5.name)::text)
            || '}'
            from cadre t5
            where t5.id = asked.id
            and t5.reach @> array[$7::bigint]), 'null')
        when 'Event' then coalesce((select '{"id":"Event:'
            || t6.id
            || '","__typename":"Event"}'
            from event t6
            where t6.id = asked.id
            and case
            when t6.kind = 'TRANSFERRED'
            and t6.data ? 'left'
            and t6.county_id = $2::bigint then true
            else (select t6_issue.county_id = $2::bigint
              from issue t6_issue
              where t6_issue.id = t6.issue_id) end), 'null')
        else 'null' end, ','
        order by asked.place)
      || ']', '[]')
    from unnest($4::text[], $5::bigint[]) with ordinality as asked(name, id, place))
  || '}', 'UTF8')
-- $1 = 1
-- $2 = 3
-- $3 = 7
-- $4 = ['Issue', 'Unit', 'Issue', 'Issue', 'Unit', 'Cadre', 'Cadre', 'Issue', 'Event', '']
-- $5 = [2, 2, 7, 9, 1, 4, 2, 999, None, 1]
-- $6 = 3
-- $7 = 3
